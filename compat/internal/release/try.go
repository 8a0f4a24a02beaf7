package release

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Try unpacks the archives of this system in dist into an empty directory, and uses them:
// each command shows its help, man shows a page, and bash completes a name. Where Docker
// answers, Try also builds and runs an image with each static binary.
func Try(ctx context.Context, out io.Writer, root, dist string) error {
	for _, c := range commands {
		pattern := filepath.Join(dist, fmt.Sprintf("%s_*_%s_%s.tar.gz", c.name, runtime.GOOS, runtime.GOARCH))
		archives, err := filepath.Glob(pattern)
		if err == nil && len(archives) != 1 {
			err = fmt.Errorf("%d archives match %s", len(archives), pattern)
		}
		if err == nil {
			err = try(ctx, out, root, c, archives[0])
		}
		if err != nil {
			return fmt.Errorf("try %s: %w", c.name, err)
		}
	}
	return nil
}

func try(ctx context.Context, out io.Writer, root string, c command, archive string) error {
	dir, err := os.MkdirTemp("", c.name)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := unpack(archive, dir); err != nil {
		return err
	}
	top := filepath.Join(dir, strings.TrimSuffix(filepath.Base(archive), ".tar.gz"))
	for _, name := range []string{"LICENSE", "CHANGELOG.md"} {
		if _, err := os.Stat(filepath.Join(top, name)); err != nil {
			return err
		}
	}
	binary := filepath.Join(top, c.name)
	help, err := output(ctx, binary, "--help")
	if err != nil {
		return err
	}
	page, err := output(ctx, "man", "-l", filepath.Join(top, "man", c.name+".1"))
	if err != nil {
		return err
	}
	if !strings.Contains(string(page), strings.ToUpper(c.name)+"(1)") || !strings.Contains(string(help), "Usage:") {
		return fmt.Errorf("unexpected man page or help:\n%s\n%s", page, help)
	}
	completed, err := Complete(ctx, binary, filepath.Join(top, "completions", c.name+".bash"), "complet")
	if err != nil || completed != "completion" {
		return fmt.Errorf("bash completes %s complet to %q: %w", c.name, completed, err)
	}
	fmt.Fprintf(out, "%s: binary, man page and completion work\n", filepath.Base(archive))
	if _, err := output(ctx, "docker", "version"); err != nil {
		fmt.Fprintf(out, "%s: no image, since no Docker daemon answers\n", c.name)
	} else if _, err := tryImage(ctx, root, c, binary); err != nil {
		return err
	} else {
		fmt.Fprintf(out, "%s: the image works\n", c.name)
	}
	if c.name == "remote-event" {
		version, err := output(ctx, binary, "version")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s", version)
	}
	return nil
}

// Complete completes a word after the name of a command, in a bash that has loaded the
// command's completion.
func Complete(ctx context.Context, binary, script, word string) (string, error) {
	// The package bash-completion defines the first function. The second one fails outside
	// an interactive completion.
	const completing = `_get_comp_words_by_ref() {
	words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
}
compopt() { :; }
source "$1"
COMP_WORDS=("$2" "$3") COMP_CWORD=1 COMP_LINE="$2 $3" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
__start_"$2"
echo "${COMPREPLY[@]}"`
	name := strings.TrimSuffix(filepath.Base(binary), ".exe")
	command := exec.CommandContext(ctx, "bash", "--norc", "-c", completing, "bash", script, name, word)
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	var stderr strings.Builder
	command.Stderr = &stderr
	text, err := command.Output()
	if err != nil || stderr.Len() > 0 {
		return "", fmt.Errorf("bash: %w: %s", cmp.Or(err, errors.New("unexpected output")), stderr.String())
	}
	return strings.TrimSpace(string(text)), nil
}

// unpack unpacks an archive into a directory.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for r := tar.NewReader(compressed); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("%s: %w: %q", archive, fs.ErrInvalid, header.Name)
		}
		name := filepath.Join(dir, header.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, text, header.FileInfo().Mode()); err != nil {
			return err
		}
	}
}
