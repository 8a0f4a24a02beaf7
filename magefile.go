//go:build mage

// The tasks of this repository. `go tool mage -l` lists them; CI runs the same.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/magefile/mage/mg"
)

// Default is the task of `go tool mage`.
var Default = Test

// modules are the Go modules of the workspace.
var modules = []string{".", "go/cmd/remote-event", "go/otel", "go/remoteeventtest", "compat", "examples"}

// run runs a command in a module's directory and shows its output.
func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	if mg.Verbose() {
		fmt.Printf("%s$ %s %s\n", dir, name, strings.Join(args, " "))
	}
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if shown != nil && shown.terminal {
		command.Stdout, command.Stderr = shown, shown
		command.WaitDelay = 10 * time.Second // for children that hold the output open
	}
	return command.Run()
}

// list returns a line for each package of a module.
func list(ctx context.Context, module, format string) ([]string, error) {
	command := exec.CommandContext(ctx, "go", "list", "-f", format, "./...")
	command.Dir, command.Stderr = module, os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", module, err)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n"), nil
}

// lengthy is the duration of Test on two idle cores. Test announces it until Test has passed
// once on this machine.
const lengthy = 15 * time.Minute

// shown is the progress of Test, nil before it.
var shown *progress

// Test runs the tests of all modules that this machine can run. It runs them in the workspace
// with the race detector, and the fast tests of each module outside the workspace, like its
// user. Tests that run cases with Python, Node and Rust, and tests that build programs, run
// without the race detector. The tests include the Python originals, servers of every
// generation, containers and Node. Test first checks for missing tools. It shows the current
// step, the last duration of the step and the expected total time, and ends with a list of
// the skipped tests. WITHOUT=docker,node,rust,originals,python,man,cc,prometheus,chromium
// skips these tests. If CI is true, a skip is a failure.
func Test(ctx context.Context) error {
	shown = newProgress()
	skips, err := findSkips(ctx)
	if err != nil {
		return err
	}
	var env []string
	steps := []step{{"install what tests need, start every server once, check the specification", func(ctx context.Context, _ []string) (err error) {
		env, err = prepare(ctx, skips)
		return err
	}}}
	steps = append(steps, step{"compare the exported API with its record", func(ctx context.Context, _ []string) error { return api(ctx, "--check") }})
	steps = append(steps, step{"vet the library for Windows and 32 bits; tests without Redis on 32 bits", libraryElsewhere})
	for _, module := range modules {
		steps = append(steps, step{"build and vet " + module + " by itself", alone(module, func(ctx context.Context, env []string) error {
			return run(ctx, module, env, "go", "vet", "./...")
		})})
	}
	race, mode := []string{"-race"}, "in the workspace, with the race detector"
	if skipping(skips, "cc") {
		race, mode = nil, "in the workspace"
	}
	for _, module := range modules {
		steps = append(steps,
			step{"tests of " + module + ", " + mode, raced(module, race, skips)},
			step{"fast tests of " + module + " by itself", alone(module, testing(module, nil, append(skipFlags(skips), "-short"), "./..."))})
		if played, ok := unraced[module]; ok {
			steps = append(steps, step{"tests of " + module + " without the race detector", played.test(module, skips)})
		}
	}
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	shown.expect(names, lengthy)
	fmt.Printf("%d steps, about %v.\n%s", len(steps), shown.total, table("Not tested here", skips))
	var failures []error
	for i, s := range steps {
		end := shown.step(i+1, len(steps), s.name)
		err := s.run(ctx, env)
		end(err)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", s.name, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && i == 0 { // without it the others say nothing
			break
		}
	}
	took := time.Since(shown.begin).Round(time.Second)
	if err := errors.Join(failures...); err != nil {
		fmt.Printf("\nTests failed, in %v.\n%s", took, table("Not tested here", skips))
		return err
	}
	fmt.Printf("\nAll tests passed, in %v.\n%s", took, table("Skipped, and not tested", skips))
	return nil
}

// step is a part of Test.
type step struct {
	name string
	run  func(ctx context.Context, env []string) error
}

// alone makes a step run in the environment of a module outside the workspace, as the
// module's user has it.
func alone(module string, do func(context.Context, []string) error) func(context.Context, []string) error {
	return func(ctx context.Context, env []string) error {
		file, remove, err := separate(ctx, module)
		if err != nil {
			return err
		}
		defer remove()
		return do(ctx, slices.Concat(env, []string{"GOWORK=off", "GOFLAGS=" + os.Getenv("GOFLAGS") + " -modfile=" + file}))
	}
}

// separate writes a go.mod, with its go.sum, with which a module is built outside the
// workspace before the modules that it requires are published: it has the replacements of
// go.work.
func separate(ctx context.Context, module string) (file string, remove func(), err error) {
	replacements, err := replacements(ctx)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "modules")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "go.mod")
	args := []string{"mod", "edit"}
	for required, replacement := range replacements {
		args = append(args, "-replace="+required+"="+replacement)
	}
	err = errors.Join(copyFile(filepath.Join(module, "go.mod"), file), copyFile(filepath.Join(module, "go.sum"), filepath.Join(dir, "go.sum")))
	if err == nil {
		err = run(ctx, ".", nil, "go", append(args, file)...)
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("separate %s from the workspace: %w", module, err)
	}
	return file, remove, nil
}

// replacements returns the directories by which go.work replaces required versions.
func replacements(ctx context.Context) (map[string]string, error) {
	command := exec.CommandContext(ctx, "go", "work", "edit", "-json")
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("read go.work: %w", err)
	}
	var work struct {
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(output, &work); err != nil {
		return nil, err
	}
	directories := map[string]string{}
	for _, r := range work.Replace {
		if directories[r.Old.Path+"@"+r.Old.Version], err = filepath.Abs(r.New.Path); err != nil {
			return nil, err
		}
	}
	return directories, nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// played has tests that the race detector slows down and cannot check: they run cases with
// processes for minutes, build programs, or use a page in a browser. The Go code
// around these processes runs with the race detector in other tests.
type played struct {
	dirs     []string // the packages that have only such tests
	packages []string // the other packages that have such tests
	tests    string   // the names of the tests in these packages
}

// unraced has the tests without the race detector, by module.
var unraced = map[string]played{
	"compat": {
		dirs:     []string{"./originals", "./implementations", "./internal/mutant", "./internal/release", "./internal/report"},
		packages: []string{"./cmd/compat", "./internal/site"}, tests: "TestOriginalQuickRun$|TestOriginalLive$|TestBrowser$",
	},
	"go/cmd/remote-event": {packages: []string{"./internal/ui"}, tests: "TestBrowser$"},
}

// test returns the step that runs the played tests of a module.
func (p played) test(module string, skips []skipped) func(context.Context, []string) error {
	return func(ctx context.Context, common []string) error {
		flags := skipFlags(skips)
		err := testing(module, nil, append(flags, "-run", p.tests), p.packages...)(ctx, common)
		if len(p.dirs) > 0 {
			err = errors.Join(testing(module, nil, flags, p.dirs...)(ctx, common), err)
		}
		return err
	}
}

// testing returns the step that tests packages of a module.
func testing(module string, env, flags []string, packages ...string) func(context.Context, []string) error {
	return func(ctx context.Context, common []string) error {
		return run(ctx, module, slices.Concat(common, env), "go", slices.Concat([]string{"test"}, flags, []string{"-timeout", timeout.String()}, packages)...)
	}
}

// raced returns the step that tests a module with the race detector, without the tests of
// unraced.
func raced(module string, race []string, skips []skipped) func(context.Context, []string) error {
	// By default, a process with the race detector waits for a second before it ends.
	env := []string{"GORACE=atexit_sleep_ms=20 " + os.Getenv("GORACE")}
	played, ok := unraced[module]
	if !ok {
		return testing(module, env, slices.Concat(race, skipFlags(skips)), "./...")
	}
	return func(ctx context.Context, common []string) error {
		packages, err := list(ctx, module, "{{.ImportPath}}")
		if err != nil {
			return err
		}
		packages = slices.DeleteFunc(packages, func(name string) bool {
			return slices.ContainsFunc(played.dirs, func(dir string) bool { return strings.HasSuffix(name, strings.TrimPrefix(dir, ".")) })
		})
		return testing(module, env, slices.Concat(race, skipFlags(skips, played.tests)), packages...)(ctx, common)
	}
}

// timeout is the timeout of the tests of each package. prepare extends it if the machine is
// slow.
var timeout = 15 * time.Minute

// prepare installs the dependencies of the tests, starts each server once, and returns the
// environment of the tests.
func prepare(ctx context.Context, skips []skipped) ([]string, error) {
	found, err := setup(ctx, skips)
	if err != nil {
		return nil, err
	}
	timeout = time.Duration(float64(timeout) * min(4, max(1, found.Slowness))).Round(time.Minute)
	env := []string{"REMOTE_EVENT_REDIS_SERVER=" + found.RedisServer}
	servers := []string{"run", "./compat/cmd/compat", "servers", "--redis", "local:all", "--redis", "embedded"}
	if !skipping(skips, "docker") {
		servers = append(servers, "--redis", "container:local:all")
	}
	if err := run(ctx, ".", env, "go", servers...); err != nil {
		return nil, fmt.Errorf("start the servers that the tests run on: %w", err)
	}
	if err := run(ctx, ".", nil, "go", "run", "./compat/cmd/compat", "spec", "--check"); err != nil {
		return nil, fmt.Errorf("the specification: %w", err)
	}
	return env, nil
}

// need is something that tests need and a machine may lack.
type need struct {
	name  string                           // the name that WITHOUT uses
	tests string                           // the pattern of the names of the tests that need it; "" for none
	lacks func(ctx context.Context) string // why this machine does not have it, or ""
}

// needs has the needs that Test checks first. It installs other missing dependencies.
var needs = []need{
	{"docker", "Container", lacksDocker},
	{"node", "Node", lacksNode},
	{"rust", "InRust", lacksRust},
	{"originals", "Original", lacksPython},
	{"python", "InPython", lacksPython},
	{"man", "Manual", lacksMan},
	{"cc", "TestClock|Scenarios.*/clock_steps", lacksCompiler},
	{"prometheus", "Prometheus", lacksPrometheus},
	{"chromium", "Browser", lacksChromium},
}

// skipped names tests that are skipped, and the reason.
type skipped struct {
	need
	why string
}

// findSkips returns the skipped tests: the tests that WITHOUT names, and those for which the
// machine lacks something.
func findSkips(ctx context.Context) (skips []skipped, err error) {
	without := strings.FieldsFunc(os.Getenv("WITHOUT"), func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range without {
		if !slices.ContainsFunc(needs, func(n need) bool { return n.name == name }) {
			return nil, fmt.Errorf("WITHOUT=%s: only docker, node, rust, originals, python, man, cc, prometheus and chromium can be left out", name)
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

// lacksRust asks for a Cargo that builds the crate in examples.
func lacksRust(ctx context.Context) string {
	const install = "install Rust 1.88 or later (on Debian: apt install cargo-web)"
	for _, program := range []string{"cargo", "rustc"} {
		if _, err := exec.LookPath(program); err != nil {
			return "no " + program + " is installed; " + install
		}
	}
	output, err := exec.CommandContext(ctx, "cargo", "--version").Output()
	if err != nil {
		return "cargo does not start; " + install
	}
	var minor int
	if n, _ := fmt.Sscanf(string(output), "cargo 1.%d", &minor); n == 1 && minor < 88 {
		return "cargo is older than 1.88; " + install
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

func lacksMan(context.Context) string {
	if _, err := exec.LookPath("man"); err != nil {
		return "no man is installed (on Debian: apt install man-db)"
	}
	return ""
}

func lacksCompiler(context.Context) string {
	if _, err := exec.LookPath("cc"); err != nil {
		return "no C compiler is installed: no race detector and no steps of the clock"
	}
	return ""
}

func lacksPrometheus(context.Context) string {
	for _, program := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(program); err != nil {
			return "no " + program + " is installed (on Debian: apt install prometheus)"
		}
	}
	return ""
}

// lacksChromium looks for the browser in which the page of the command and the site are
// tested.
func lacksChromium(context.Context) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if _, err := exec.LookPath(name); err == nil {
			return ""
		}
	}
	return "no chromium is installed"
}

func skipping(skips []skipped, name string) bool {
	return slices.ContainsFunc(skips, func(s skipped) bool { return s.name == name })
}

// skipFlags returns flags of go test that skip the tests of skips and of the patterns.
func skipFlags(skips []skipped, patterns ...string) []string {
	for _, s := range skips {
		patterns = append(patterns, s.tests)
	}
	if len(patterns) == 0 {
		return nil
	}
	return []string{"-skip", strings.Join(patterns, "|")}
}

// table returns a table of the skipped tests, or "" if there are none.
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

// Setup installs the missing dependencies of the tests into the user's cache:
// environments for the Python originals, and a Redis server.
func Setup(ctx context.Context) error {
	skips, err := findSkips(ctx)
	if err == nil {
		_, err = setup(ctx, skips)
	}
	return err
}

// installed is the result of `compat setup`.
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

// The tools that are no dependency of any module.
const (
	golangciLint = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	govulncheck  = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
	goreleaser   = "github.com/goreleaser/goreleaser/v2@v2.15.1"
	cosign       = "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3"
)

// Lint checks format, style and the rules of .golangci.yml in every module.
func Lint(ctx context.Context) error {
	config, err := filepath.Abs(".golangci.yml")
	if err != nil {
		return err
	}
	var failures []error
	for _, module := range modules {
		if err := run(ctx, module, nil, "go", "run", golangciLint, "run", "--config", config, "./..."); err != nil {
			failures = append(failures, fmt.Errorf("lint of %s: %w", module, err))
		}
	}
	failures = append(failures, lintRust(ctx))
	return errors.Join(failures...)
}

// lintRust checks the crate in examples with rustfmt and Clippy, if they are installed.
func lintRust(ctx context.Context) error {
	var failures []error
	for program, args := range map[string][]string{
		"cargo-fmt":    {"fmt", "--check"},
		"cargo-clippy": {"clippy", "--locked", "--all-targets", "--features", "tls", "--", "-D", "warnings"},
	} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Printf("not checked: no %s is installed\n", program)
		} else if err := run(ctx, filepath.Join("examples", "rust"), nil, "cargo", args...); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", program, err))
		}
	}
	return errors.Join(failures...)
}

// Spec checks the specification against its vectors, schemas and code, and
// writes the generated files: spec/requirements.json, spec/coverage.md and
// spec/manifest.json. If CI is set, it writes nothing, and fails if they are stale.
func Spec(ctx context.Context) error {
	args := []string{"run", "./compat/cmd/compat", "spec"}
	if os.Getenv("CI") != "" {
		args = append(args, "--check")
	}
	return run(ctx, ".", nil, "go", args...)
}

// API records the exported API of the library in go/api, one file for each public
// package, and names every change. If CI is set, it writes nothing, and fails if
// the API differs from the record.
func API(ctx context.Context) error {
	if os.Getenv("CI") != "" {
		return api(ctx, "--check")
	}
	return api(ctx)
}

func api(ctx context.Context, flags ...string) error {
	return run(ctx, ".", nil, "go", append([]string{"run", "./compat/cmd/api"}, flags...)...)
}

// Vulnerabilities looks for known vulnerabilities in the dependencies of every module. It
// needs the Go vulnerability database.
func Vulnerabilities(ctx context.Context) error {
	for _, module := range modules {
		if err := run(ctx, module, nil, "go", "run", govulncheck, "./..."); err != nil {
			return fmt.Errorf("vulnerabilities of %s: %w", module, err)
		}
	}
	return nil
}

// Tidy brings go.mod and go.sum of every module up to date, even after a new import. (go mod
// tidy alone would look for the modules of this repository on a proxy, to which they are not
// yet published.)
func Tidy(ctx context.Context) error {
	for _, module := range modules {
		if err := tidy(ctx, module); err != nil {
			return fmt.Errorf("tidy %s: %w", module, err)
		}
	}
	return nil
}

func tidy(ctx context.Context, module string) error {
	file, remove, err := separate(ctx, module)
	if err != nil {
		return err
	}
	defer remove()
	if err := run(ctx, module, []string{"GOWORK=off"}, "go", "mod", "tidy", "-modfile="+file); err != nil {
		return err
	}
	replacements, err := replacements(ctx)
	if err != nil {
		return err
	}
	args := []string{"mod", "edit"}
	for required := range replacements {
		args = append(args, "-dropreplace="+required)
	}
	if err := run(ctx, ".", nil, "go", append(args, file)...); err != nil {
		return err
	}
	sums := filepath.Join(filepath.Dir(file), "go.sum")
	return errors.Join(copyFile(file, filepath.Join(module, "go.mod")), copyFile(sums, filepath.Join(module, "go.sum")))
}

// Release prepares the tree for the release of a version: it sets the version in every
// go.mod and in go.work, and dates the unreleased changes in CHANGELOG.md. Review and
// commit the difference; then tag it.
func Release(ctx context.Context, version string) error {
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/release", "prepare", version)
}

// Tag tags a release: every module of the library and both commands get a tag of the
// version. It prints the tags. It fails if the tree has changes that are not committed, if
// CHANGELOG.md has no section on the version, or if the modules do not require each other
// at the version. With -dryRun=true it creates no tag.
func Tag(ctx context.Context, version string, dryRun *bool) error {
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/release", "tag", fmt.Sprintf("-dry-run=%t", dryRun != nil && *dryRun), version)
}

// Snapshot builds a release of this tree into .release/dist without publishing it, unpacks
// the archives of this system into an empty directory, and uses them. It signs nothing, and
// builds images only if `docker buildx` is installed.
func Snapshot(ctx context.Context) error {
	skip := "--skip=sign"
	if exec.CommandContext(ctx, "docker", "buildx", "inspect").Run() != nil {
		fmt.Println("Not built: images, since no docker buildx answers")
		skip += ",docker"
	}
	if err := run(ctx, ".", nil, "go", "run", goreleaser, "release", "--snapshot", "--clean", skip); err != nil {
		return err
	}
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/release", "try", filepath.Join(".release", "dist"))
}

// Vectors writes the archive of the vectors into .release, and prints its SHA-256. A release
// contains the same archive.
func Vectors(ctx context.Context) error {
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/release", "vectors", ".release")
}

// Site writes the specification as a static site into .release/site. It can be read from
// there with a browser, or served from the root of any host.
func Site(ctx context.Context) error {
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/release", "site", filepath.Join(".release", "site"))
}

// Publish builds, signs and publishes the release of a version that is tagged. The release
// workflow runs it, with the identity that signs.
func Publish(ctx context.Context, version string) error {
	command := exec.CommandContext(ctx, "go", "run", "./compat/cmd/release", "notes", version)
	command.Stderr = os.Stderr
	notes, err := command.Output()
	if err != nil {
		return fmt.Errorf("notes of %s: %w", version, err)
	}
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "notes.md")
	if err := os.WriteFile(file, notes, 0o644); err != nil {
		return err
	}
	if err := run(ctx, ".", []string{"GOBIN=" + dir}, "go", "install", cosign); err != nil {
		return err
	}
	// The root's tag names the version; the other tags are of the same commit.
	env := []string{"GORELEASER_CURRENT_TAG=" + version, "PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH")}
	return run(ctx, ".", env, "go", "run", goreleaser, "release", "--clean", "--release-notes="+file)
}

// platforms are the systems that every module is built and vetted for.
var platforms = []string{"windows/amd64", "darwin/arm64", "freebsd/amd64", "linux/arm64", "linux/386"}

// Platforms builds and vets every module, its tests included, for Windows, macOS,
// FreeBSD, arm64 and 32 bits, and runs the fast tests of the library on 32 bits.
func Platforms(ctx context.Context) error {
	var failures []error
	for _, platform := range platforms {
		for _, module := range modules {
			for _, command := range []string{"build", "vet"} {
				if err := run(ctx, module, target(platform), "go", command, "./..."); err != nil {
					failures = append(failures, fmt.Errorf("go %s of %s for %s: %w", command, module, platform, err))
				}
			}
		}
	}
	found, err := setup(ctx, []skipped{{need: need{name: "originals"}}, {need: need{name: "docker"}}})
	if err != nil {
		return errors.Join(append(failures, err)...)
	}
	env := append(target("linux/386"), "REMOTE_EVENT_REDIS_SERVER="+found.RedisServer)
	if err := run(ctx, ".", env, "go", "test", "-short", "./..."); err != nil {
		failures = append(failures, fmt.Errorf("fast tests of the library on 32 bits: %w", err))
	}
	return errors.Join(failures...)
}

// libraryElsewhere is the part of Platforms that Test includes. Platforms takes
// some minutes more.
func libraryElsewhere(ctx context.Context, _ []string) error {
	var failures []error
	for _, platform := range []string{"windows/amd64", "linux/386"} {
		if err := run(ctx, ".", target(platform), "go", "vet", "./..."); err != nil {
			failures = append(failures, fmt.Errorf("go vet for %s: %w", platform, err))
		}
	}
	packages, err := withoutServer(ctx, ".")
	if err == nil {
		err = run(ctx, ".", target("linux/386"), "go", append([]string{"test", "-short"}, packages...)...)
	}
	return errors.Join(append(failures, err)...)
}

// target returns the environment in which Go builds for a platform, without cgo.
func target(platform string) []string {
	system, architecture, _ := strings.Cut(platform, "/")
	return []string{"GOOS=" + system, "GOARCH=" + architecture, "CGO_ENABLED=0"}
}

// Portable runs the fast tests of the library, of its modules, of the command and of the test
// helpers that need nothing but Go. Where redis-server is installed it runs all their fast tests;
// elsewhere it skips the packages whose tests start one, and lists them.
func Portable(ctx context.Context) error {
	_, noServer := exec.LookPath("redis-server")
	var failures []error
	for _, module := range []string{".", "go/cmd/remote-event", "go/otel", "go/remoteeventtest"} {
		if err := run(ctx, module, nil, "go", "vet", "./..."); err != nil {
			failures = append(failures, fmt.Errorf("build and vet %s: %w", module, err))
		}
		packages := []string{"./..."}
		if noServer != nil {
			var err error
			if packages, err = withoutServer(ctx, module); err != nil {
				return err
			}
		}
		if len(packages) == 0 {
			continue
		}
		if err := run(ctx, module, nil, "go", append([]string{"test", "-short"}, packages...)...); err != nil {
			failures = append(failures, fmt.Errorf("fast tests of %s: %w", module, err))
		}
	}
	return errors.Join(failures...)
}

// withoutServer returns the packages of a module whose tests start no Redis, and
// prints the others.
func withoutServer(ctx context.Context, module string) (packages []string, err error) {
	lines, err := list(ctx, module, "{{.ImportPath}} {{.TestImports}} {{.XTestImports}}")
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		name, imports, _ := strings.Cut(line, " ")
		if strings.Contains(imports, "/redistest") || strings.HasSuffix(name, "/redistest") {
			fmt.Printf("Not tested in this step, since its tests start a redis-server: %s\n", name)
			continue
		}
		packages = append(packages, name)
	}
	return packages, nil
}

// Fuzz fuzzes every decoder for FUZZTIME, 30s by default.
func Fuzz(ctx context.Context) error {
	duration := os.Getenv("FUZZTIME")
	if duration == "" {
		duration = "30s"
	}
	targets, err := fuzzTargets()
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := run(ctx, ".", nil, "go", "test", t.dir, "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", duration); err != nil {
			return fmt.Errorf("%s in %s: %w", t.name, t.dir, err)
		}
	}
	return nil
}

type fuzzTarget struct{ dir, name string }

func fuzzTargets() ([]fuzzTarget, error) {
	files, err := filepath.Glob("go/*/*_test.go")
	if err != nil {
		return nil, err
	}
	inner, err := filepath.Glob("go/internal/*/*_test.go")
	if err != nil {
		return nil, err
	}
	var targets []fuzzTarget
	for _, file := range append(files, inner...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ = strings.Cut(name, "(")
				targets = append(targets, fuzzTarget{"./" + filepath.ToSlash(filepath.Dir(file)), "Fuzz" + name})
			}
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("no fuzz target was found")
	}
	return targets, nil
}

// Mutants runs the cases of the harness with adapters that have one likely mistake each. It
// fails if the cases do not catch a mistake.
func Mutants(ctx context.Context) error {
	return run(ctx, ".", nil, "go", "run", "./compat/cmd/compat", "mutants")
}

// Faults tests reliable delivery under faults of Redis, its clients and the network, in a
// minute or two. FAULTS=long takes half an hour and writes compat/FAULTS.md.
func Faults(ctx context.Context) error {
	args := []string{"run", "./compat/cmd/compat", "faults"}
	switch how := os.Getenv("FAULTS"); how {
	case "":
		return run(ctx, ".", nil, "go", args...)
	case "long":
	default:
		return fmt.Errorf("FAULTS=%s: it is long, or nothing", how)
	}
	command := exec.CommandContext(ctx, "go", append(args, "--long", "-o", "markdown")...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if len(output) > 0 { // failures are in it too
		err = errors.Join(err, os.WriteFile(filepath.Join("compat", "FAULTS.md"), output, 0o644))
	}
	return err
}

// Bench measures the library and its peers and writes compat/BENCHMARKS.md, in about a
// quarter of an hour. BENCH=quick measures only the figures of the goals, in less than a
// minute, and writes nothing.
func Bench(ctx context.Context) error {
	args := []string{"run", "./compat/cmd/compat", "bench"}
	switch how := os.Getenv("BENCH"); how {
	case "":
		args = append(args, "--write", "compat")
	case "quick":
		args = append(args, "--quick")
	default:
		return fmt.Errorf("BENCH=%s: the values are quick and nothing", how)
	}
	return run(ctx, ".", nil, "go", args...)
}

// progress writes the output of a step. On a terminal, it adds a line with the current step,
// its duration so far, and its last duration.
type progress struct {
	out      io.Writer
	terminal bool
	begin    time.Time
	last     map[string]time.Duration // by step, of the last run in which it passed
	total    time.Duration            // of all steps, as expected

	mu      sync.Mutex
	partial bool   // the last output does not end a line
	status  string // of the step that runs
	since   time.Time
}

// drawn is the interval at which the line is drawn.
const drawn = time.Second

// newProgress returns a progress on standard output.
func newProgress() *progress {
	info, err := os.Stdout.Stat()
	p := &progress{
		out: os.Stdout, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb",
		begin: time.Now(), last: map[string]time.Duration{},
	}
	if text, err := os.ReadFile(durations()); err == nil {
		_ = json.Unmarshal(text, &p.last) // durations that cannot be read count as unknown
	}
	return p
}

// durations returns the file with the durations of steps.
func durations() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "remote-event", "test-durations.json")
}

// expect sets the expected total time: the sum of the last durations of the steps, or
// otherwise if one of them is not known.
func (p *progress) expect(names []string, otherwise time.Duration) {
	p.total = 0
	for _, name := range names {
		last, ok := p.last[name]
		if !ok {
			p.total = otherwise
			return
		}
		p.total += last
	}
	p.total = p.total.Round(time.Second)
}

// step announces a step, and returns the function that ends it.
func (p *progress) step(i, n int, name string) (end func(err error)) {
	p.since = time.Now()
	expected := ""
	if last, ok := p.last[name]; ok {
		expected = fmt.Sprintf(", %v the last time", last.Round(time.Second))
	}
	fmt.Fprintf(p.out, "\n── %d of %d, after %v%s: %s\n", i, n, p.since.Sub(p.begin).Round(time.Second), expected, name)
	p.mu.Lock()
	p.status = fmt.Sprintf("step %d of %d%s", i, n, expected)
	p.mu.Unlock()
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	if p.terminal {
		drawing.Go(func() { p.draw(stop) })
	}
	return func(err error) {
		close(stop)
		drawing.Wait()
		if err == nil {
			p.last[name] = time.Since(p.since)
			p.keep()
		}
	}
}

// keep stores the durations of steps. It ignores errors.
func (p *progress) keep() {
	path := durations()
	text, err := json.MarshalIndent(p.last, "", "  ")
	if path == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	_ = os.WriteFile(path, text, 0o644)
}

// draw draws the line until stop is closed, and removes it then.
func (p *progress) draw(stop <-chan struct{}) {
	ticker := time.NewTicker(drawn)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			p.mu.Lock()
			p.clear()
			p.mu.Unlock()
			return
		case now := <-ticker.C:
			p.mu.Lock()
			if !p.partial {
				p.clear()
				fmt.Fprintf(p.out, "%s: %v; in all %v of about %v", p.status, now.Sub(p.since).Round(time.Second), now.Sub(p.begin).Round(time.Second), p.total)
			}
			p.mu.Unlock()
		}
	}
}

// clear removes the line; the caller holds the lock.
func (p *progress) clear() {
	if p.terminal && !p.partial {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
	}
}

// Write writes the output of a step.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if len(text) > 0 {
		p.partial = !bytes.HasSuffix(text, []byte("\n"))
	}
	return p.out.Write(text)
}
