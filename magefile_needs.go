//go:build mage

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// need is something that tests need and a machine may lack.
type need struct {
	name  string                           // by which WITHOUT leaves it out
	tests string                           // the pattern of the names of the tests that need it; "" for none
	lacks func(ctx context.Context) string // why this machine does not have it, or ""
}

// needs are asked for before anything else. What else is lacking is installed.
var needs = []need{
	{"docker", "Container", lacksDocker},
	{"node", "Node", lacksNode},
	{"originals", "Original", lacksPython},
	{"python", "InPython", lacksPython},
	{"cc", "TestClock|Scenarios.*/clock_steps", lacksCompiler},
}

// skipped is something that is not tested, and why.
type skipped struct {
	need
	why string
}

// findSkips returns what is not tested: what WITHOUT names, and what the machine
// lacks.
func findSkips(ctx context.Context) (skips []skipped, err error) {
	without := strings.FieldsFunc(os.Getenv("WITHOUT"), func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range without {
		if !slices.ContainsFunc(needs, func(n need) bool { return n.name == name }) {
			return nil, fmt.Errorf("WITHOUT=%s: only docker, node, originals, python and cc can be left out", name)
		}
	}
	for _, n := range needs {
		switch why := n.lacks(ctx); {
		case slices.Contains(without, n.name):
			skips = append(skips, skipped{n, "left out by WITHOUT"})
		case why != "":
			skips = append(skips, skipped{n, why})
		}
	}
	if os.Getenv("CI") == "true" && len(skips) > 0 {
		return nil, errors.New(table("CI is true, and so nothing may be skipped", skips))
	}
	return skips, nil
}

// patience returns how long a service of this machine may take to answer: a second, and
// more while processes start slowly because the cores are busy.
func patience(ctx context.Context) time.Duration {
	begin := time.Now()
	_ = exec.CommandContext(ctx, "go", "version").Run() // some milliseconds on an idle machine
	return time.Second + 50*time.Since(begin)
}

// lacksDocker asks whether a Docker daemon answers.
func lacksDocker(ctx context.Context) string {
	wait := patience(ctx)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	host := cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock")
	network, addr, _ := strings.Cut(host, "://")
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return "no Docker daemon answers at " + host
	}
	defer conn.Close()
	if network == "unix" { // systemd may listen where no daemon starts
		_ = conn.SetDeadline(time.Now().Add(wait))
		_, err = io.WriteString(conn, "GET /_ping HTTP/1.0\r\n\r\n")
		if answer := make([]byte, 4); err == nil {
			_, err = io.ReadFull(conn, answer)
		}
	}
	if err != nil {
		return fmt.Sprintf("the Docker daemon at %s does not answer within %v (%v)", host, wait.Round(time.Millisecond), err)
	}
	return ""
}

func lacksNode(context.Context) string {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "no " + program + " is installed"
		}
	}
	return ""
}

// lacksPython asks for a Python that can make environments.
func lacksPython(ctx context.Context) string {
	if _, err := exec.LookPath("python3"); err != nil {
		return "no python3 is installed"
	}
	const script = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 8))"
	if err := exec.CommandContext(ctx, "python3", "-c", script).Run(); err != nil {
		return "python3 is older than 3.8, or lacks venv (on Debian: apt install python3-venv)"
	}
	return ""
}

func lacksCompiler(context.Context) string {
	if _, err := exec.LookPath("cc"); err != nil {
		return "no C compiler is installed: no race detector and no steps of the clock"
	}
	return ""
}

func skipping(skips []skipped, name string) bool {
	return slices.ContainsFunc(skips, func(s skipped) bool { return s.name == name })
}

// skipFlags leaves tests out of go test: those of skips, and those of the patterns.
func skipFlags(skips []skipped, patterns ...string) []string {
	for _, s := range skips {
		patterns = append(patterns, s.tests)
	}
	if len(patterns) == 0 {
		return nil
	}
	return []string{"-skip", strings.Join(patterns, "|")}
}

// table is a table of what is skipped, or nothing.
func table(title string, skips []skipped) string {
	if len(skips) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(title + ":\n")
	for _, s := range skips {
		fmt.Fprintf(&b, "  %-10s %s\n", s.name, s.why)
	}
	return b.String()
}

// Setup installs what the tests need and the machine lacks into the user's
// cache: environments for the Python originals, and a Redis server.
func Setup(ctx context.Context) error {
	skips, err := findSkips(ctx)
	if err == nil {
		_, err = setup(ctx, skips)
	}
	return err
}

// installed is what `compat setup` found or installed.
type installed struct {
	RedisServer string  `json:"redis_server"`
	Slowness    float64 `json:"slowness"`
}

func setup(ctx context.Context, skips []skipped) (installed, error) {
	args := []string{"run", "./compat/cmd/compat", "setup", "-o", "json"}
	if skipping(skips, "originals") {
		args = append(args, "--without-originals")
	}
	if !skipping(skips, "docker") {
		args = append(args, "--docker")
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return installed{}, fmt.Errorf("install what the tests need (WITHOUT=originals leaves out what needs the network): %w", err)
	}
	var found installed
	return found, json.Unmarshal(output, &found)
}
