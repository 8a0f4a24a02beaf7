package examples_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// TestGuideOriginal follows each guide as a reader does: it writes the files that the guide
// shows, runs the commands in a shell with a Redis of their own, and compares the output.
// In the output that a guide shows, … stands for any text, or, alone on a line, for any
// lines. A comment of a command states an exit code other than 0. Commands that only read
// are repeated until the output is as shown, since programs in the background work
// meanwhile.
func TestGuideOriginal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	guides, err := filepath.Glob("guides/*.md")
	if err != nil || len(guides) < 5 {
		t.Fatalf("guides: %v, %v", guides, err)
	}
	bin := t.TempDir()
	command := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	command.Dir = filepath.Join("..", "go", "cmd", "remote-event")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, output)
	}
	python := original(t)
	for _, file := range guides {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) {
			t.Parallel()
			blocks := readGuide(t, file)
			// In the module of the examples, so that programs of a guide have what they import.
			dir, err := os.MkdirTemp("guides", "_run")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			s := startShell(t, dir, bin, python)
			for _, b := range blocks {
				switch {
				case b.language == "console":
					for _, c := range b.commands(t) {
						s.follow(t, c)
					}
				case b.file != "":
					name := filepath.Join(dir, b.file)
					if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(name, []byte(b.text), 0o644); err != nil {
						t.Fatal(err)
					}
				default:
					t.Errorf("line %d: a block in %q is neither a console nor a file", b.line, b.language)
				}
				if b.language == "yaml" {
					for decoder := yaml.NewDecoder(strings.NewReader(b.text)); ; {
						var document any
						if err := decoder.Decode(&document); err == io.EOF {
							break
						} else if err != nil {
							t.Fatalf("line %d: %v", b.line, err)
						}
					}
				}
			}
		})
	}
}

// block is a fenced block of a guide. A word after the language is the name of a file with
// its text.
type block struct {
	line           int
	language, file string
	text           string
}

func readGuide(t *testing.T, file string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		info, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && open == nil:
			language, name, _ := strings.Cut(info, " ")
			open = &block{line: number, language: language, file: name}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil || len(blocks) == 0 {
		t.Fatalf("%s: %d blocks; the last one does not end", file, len(blocks))
	}
	return blocks
}

// step is a command of a guide, with the output and the exit code that the guide shows.
type step struct {
	line    int
	command string
	output  []string
	code    int
}

var codeComment = regexp.MustCompile(`\s+# exit code (\d+)$`)

// commands returns the steps of a console. A command continues on the next line after \.
func (b block) commands(t *testing.T) (steps []step) {
	t.Helper()
	continues := false
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case continues:
			steps[len(steps)-1].command += "\n" + line
		case isCommand:
			steps = append(steps, step{line: b.line + i + 1, command: command})
		case len(steps) == 0:
			t.Fatalf("line %d: output without a command", b.line+i+1)
		default:
			last := &steps[len(steps)-1]
			last.output = append(last.output, line)
		}
		continues = (isCommand || continues) && strings.HasSuffix(line, `\`)
	}
	for i := range steps {
		s := &steps[i]
		if comment := codeComment.FindStringSubmatch(s.command); comment != nil {
			if _, err := fmt.Sscan(comment[1], &s.code); err != nil {
				t.Fatal(err)
			}
		}
	}
	return steps
}

// reading are beginnings of commands that only read.
var reading = []string{
	"cat ", "grep ", "tail ", "remote-event queue ls", "remote-event queue show", "remote-event queue peek",
	"remote-event dead ls", "remote-event dead show", "remote-event check", "remote-event doctor", "curl ", "redis-cli llen",
}

// shell is a bash that runs the commands of one guide.
type shell struct {
	in    io.Writer
	lines chan string
}

const endOfCommand = "-- end of command --"

func startShell(t *testing.T, dir, bin, python string) *shell {
	t.Helper()
	addr := startRedis(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	if err := os.WriteFile(filepath.Join(tools, "python"), []byte("#!/bin/sh\nexec '"+python+"' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "bash", "--norc")
	command.Dir = dir
	command.Env = append(os.Environ(),
		"PATH="+tools+string(os.PathListSeparator)+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"REDIS_HOST="+host, "REDIS_PORT="+port, "REDIS_URL=redis://"+addr+"/0", "REMOTE_EVENT_REDIS_URL=redis://"+addr+"/0",
		"NO_COLOR=1", "XDG_CONFIG_HOME="+t.TempDir())
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = writer, writer
	command.WaitDelay = 10 * time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	s := &shell{in: in, lines: make(chan string, 10_000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "jobs -p | xargs -r kill -9\n")
		_ = in.Close()
		_ = command.Wait()
		<-ended
		_ = reader.Close()
	})
	return s
}

// follow runs the command of a step and compares the output and the exit code.
func (s *shell) follow(t *testing.T, c step) {
	t.Helper()
	patient := slices.ContainsFunc(reading, func(beginning string) bool { return strings.HasPrefix(c.command, beginning) })
	for end := time.Now().Add(deadline); ; {
		output, code := s.run(t, c)
		matches := matchLines(c.output, output)
		if matches && code == c.code {
			return
		}
		if !patient || time.Now().After(end) {
			t.Fatalf("line %d: $ %s\nends with %d and prints:\n%s\nThe guide shows:\n%s", c.line, c.command, code, strings.Join(output, "\n"), strings.Join(c.output, "\n"))
		}
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the programs in the background work
	}
}

func (s *shell) run(t *testing.T, c step) (output []string, code int) {
	t.Helper()
	quoted := "'" + strings.ReplaceAll(c.command, "'", `'\''`) + "'"
	if _, err := fmt.Fprintf(s.in, "eval %s </dev/null\ncode=$?; echo; echo '%s' $code\n", quoted, endOfCommand); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case line := <-s.lines:
			rest, end := strings.CutPrefix(line, endOfCommand)
			if !end {
				output = append(output, line)
				continue
			}
			if _, err := fmt.Sscan(rest, &code); err != nil {
				t.Fatal(err)
			}
			for len(output) > 0 && output[len(output)-1] == "" {
				output = output[:len(output)-1]
			}
			return output, code
		case <-time.After(10 * deadline): // it may build a program
			t.Fatalf("line %d: $ %s\ndoes not end; it has printed:\n%s", c.line, c.command, strings.Join(output, "\n"))
		}
	}
}

// matchLines reports whether the output of a command is as shown.
func matchLines(shown, output []string) bool {
	if len(shown) == 0 {
		return len(output) == 0
	}
	if shown[0] == "…" {
		for skip := range len(output) + 1 {
			if len(shown) == 1 || matchLines(shown[1:], output[skip:]) {
				return true
			}
		}
		return false
	}
	if len(output) == 0 {
		return false
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(shown[0], " ")), "…", ".*") + "$"
	return regexp.MustCompile(pattern).MatchString(strings.TrimRight(output[0], " ")) && matchLines(shown[1:], output[1:])
}
