package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// command is a command that a release contains.
type command struct {
	name  string
	dir   string   // of its module
	pkg   string   // in its module
	short string   // for its man page
	try   []string // arguments with which it needs no Redis and writes no file
}

// commands are the commands of a release.
var commands = []command{
	{"remote-event", "go/cmd/remote-event", ".", "Send, receive and validate the remote events of Applauncher applications", []string{"demo"}},
	{"compat", "compat", "./cmd/compat", "Test implementations of the remote-event wire specification", []string{"run", "--no-originals", "--redis", "embedded", "--family", "wire"}},
}

// completions are the files with the completions of a command, by the shell that reads
// them. %s is the name of the command.
var completions = map[string]string{"bash": "%s.bash", "zsh": "_%s", "fish": "%s.fish", "powershell": "%s.ps1"}

// certificateFile is the file with the certificates of public authorities, as the images
// have it.
const certificateFile = "ca-certificates.crt"

// certificates are the files in which systems keep the certificates of public authorities.
var certificates = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora
	"/etc/ssl/cert.pem",                  // macOS
}

// WriteDocuments writes into dir everything that archives and images have beside a
// command: for each command the man pages in COMMAND/man and the completions in
// COMMAND/completions, and the certificates of public authorities of this system. The
// man pages have a date, and the text of the commands' help.
func WriteDocuments(ctx context.Context, root, dir string, date time.Time) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	built, err := os.MkdirTemp("", "commands")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(built) }()
	for _, c := range commands {
		binary, err := build(ctx, root, built, c)
		if err == nil {
			err = document(ctx, c, binary, filepath.Join(dir, c.name), date)
		}
		if err != nil {
			return fmt.Errorf("documents of %s: %w", c.name, err)
		}
	}
	return writeCertificates(dir)
}

// writeCertificates copies the certificates of this system into a directory.
func writeCertificates(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range certificates {
		text, err := os.ReadFile(name)
		if err == nil {
			return os.WriteFile(filepath.Join(dir, certificateFile), text, 0o644)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("no certificates of public authorities are in any of %q", certificates)
}

// build builds a command into a directory, and returns its path.
func build(ctx context.Context, root, dir string, c command) (string, error) {
	binary := filepath.Join(dir, c.name)
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, c.pkg)
	build.Dir, build.Stderr = filepath.Join(root, filepath.FromSlash(c.dir)), os.Stderr
	return binary, build.Run()
}

// document writes the man pages and the completions of a command.
func document(ctx context.Context, c command, binary, dir string, date time.Time) error {
	manual, scripts := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, name := range []string{manual, scripts} {
		err := os.RemoveAll(name) // pages of commands that were there once
		if err == nil {
			err = os.MkdirAll(name, 0o755)
		}
		if err != nil {
			return err
		}
	}
	if err := writeManual(ctx, binary, c, manual, date); err != nil {
		return err
	}
	for shell, name := range completions {
		script, err := output(ctx, binary, "completion", shell)
		if err == nil {
			err = os.WriteFile(filepath.Join(scripts, fmt.Sprintf(name, c.name)), script, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// output runs a program and returns its standard output.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "NO_COLOR=1")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return text, nil
}
