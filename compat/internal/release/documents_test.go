package release

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	documentsDir string

	// documents writes the documents of the commands once.
	documents = sync.OnceValues(func() (string, error) {
		var err error
		if documentsDir, err = os.MkdirTemp("", "documents"); err != nil {
			return "", err
		}
		return documentsDir, WriteDocuments(context.Background(), repository, documentsDir, time.Unix(1_800_000_000, 0))
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(documentsDir)
	os.Exit(code)
}

// TestManual reads the man pages with man, without warnings, and compares them with the
// helps: every page has the words of the help, and every command has a page.
func TestManual(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	dir, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	for page, words := range map[string][]string{
		"remote-event/man/remote-event.1":              {"redis-sentinel://HOST:PORT/?master=NAME", "Exit codes: 0 success", "queue", "remote-event-dead(1)"},
		"remote-event/man/remote-event-dead-requeue.1": {"Send dead letters again", "died<TIME  died<=TIME  died>TIME  died>=TIME", "--connect-timeout", "remote-event-dead(1)"},
		"remote-event/man/remote-event-version.1":      {"Show the versions"},
		"compat/man/compat-run.1":                      {"--impl"},
	} {
		text := manual(t, filepath.Join(dir, page))
		for _, want := range words {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q:\n%s", page, want, text)
			}
		}
	}
	if text := manual(t, filepath.Join(dir, "remote-event/man/remote-event-version.1")); !strings.Contains(text, "2027-01-15") || strings.Contains(text, "--redis") {
		t.Errorf("the page has another date, or flags that the command rejects:\n%s", text)
	}
	for _, c := range commands {
		at := filepath.Join(dir, c.name, "man")
		pages, err := os.ReadDir(at)
		if err != nil || len(pages) < 10 {
			t.Fatalf("pages of %s: %d, %v", c.name, len(pages), err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(filepath.Join(at, page.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, reference := range regexp.MustCompile(`(?m)^\.BR (\S+) \(1\)`).FindAllStringSubmatch(string(text), -1) {
				if _, err := os.Stat(filepath.Join(at, strings.ReplaceAll(reference[1], `\-`, "-")+".1")); err != nil {
					t.Errorf("%s refers to a page that is missing: %v", page.Name(), err)
				}
			}
		}
	}
}

// manual formats a page with man, without warnings.
func manual(t *testing.T, page string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "man", "--warnings", "-l", page)
	command.Env = append(os.Environ(), "MANWIDTH=200", "MAN_KEEP_FORMATTING=", "LC_ALL=C.UTF-8", "MANROFFOPT=-rHY=0 -dAD=l")
	var warnings strings.Builder
	command.Stderr = &warnings
	text, err := command.Output()
	if err != nil || warnings.Len() > 0 {
		t.Fatalf("man %s: %v\n%s", page, err, warnings.String())
	}
	return string(text)
}

// TestCompletionInBash loads a completion in bash, and completes a command's name.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	dir, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	c := commands[0]
	binary, err := build(t.Context(), repository, t.TempDir(), c)
	if err != nil {
		t.Fatal(err)
	}
	completed, err := Complete(t.Context(), binary, filepath.Join(dir, c.name, "completions", c.name+".bash"), "vers")
	if err != nil || completed != "version" {
		t.Errorf("%s vers completes to %q, %v", c.name, completed, err)
	}
}
