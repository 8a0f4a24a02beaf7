package implementations_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/cache"
)

// installNode returns a copy of the package with what it needs. Its directory consumer has
// installed the package from its archive.
func installNode(t *testing.T, s source) string {
	t.Helper()
	dir, err := cache.Default()
	must(t, err)
	path, err := dir.Build(t.Context(), "node-package-"+s.key, func(ctx context.Context, dir string) error {
		if err := s.copyTo(dir); err != nil {
			return err
		}
		if err := execute(ctx, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
			return err
		}
		if err := execute(ctx, dir, "npm", "pack"); err != nil {
			return err
		}
		consumer := filepath.Join(dir, "consumer")
		if err := os.Mkdir(consumer, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(consumer, "package.json"), []byte(`{"private": true}`), 0o600); err != nil {
			return err
		}
		return execute(ctx, consumer, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "../remote-event-0.1.0.tgz")
	})
	must(t, err)
	return path
}

// TestNodePackage runs the package's own tests, checks its types, and runs the first
// programs of its README with the installed package.
func TestNodePackage(t *testing.T) {
	t.Parallel()
	s := newSource(t, "node")
	dir := installNode(t, s)
	specification, err := filepath.Abs(filepath.Join("..", "..", "spec"))
	must(t, err)
	must(t, execute(t.Context(), dir, "env", "REMOTE_EVENT_SPEC="+specification, "npm", "test"))
	must(t, execute(t.Context(), dir, "npm", "run", "types"))
	s.firstPrograms(t, "js", ".mjs", filepath.Join(dir, "consumer"), "node")
}

func TestNodeSuite(t *testing.T) {
	t.Parallel()
	conforms(t, "node", filepath.Join(installNode(t, newSource(t, "node")), "adapter.mjs"))
}
