package release

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// WriteProxy writes the released modules of a tagged version into dir, as a module proxy
// serves them: GOPROXY=file://DIR reads them. The content is the content of the tags.
func WriteProxy(ctx context.Context, root, version, dir string) error {
	w, err := Load(root)
	if err != nil {
		return err
	}
	for _, m := range w.Modules {
		if !m.Released() {
			continue
		}
		if err := writeModule(ctx, w, m, version, dir); err != nil {
			return fmt.Errorf("%s@%s: %w", m.Path, version, err)
		}
	}
	return nil
}

func writeModule(ctx context.Context, w *Workspace, m Module, version, dir string) error {
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	at := filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	tag, prefix := m.Tag(version), ""
	if m.Dir != "." {
		prefix = m.Dir
	}
	text, err := git(ctx, w.Root, "show", tag+":"+filepath.ToSlash(filepath.Join(prefix, "go.mod")))
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"list": version + "\n", version + ".mod": text + "\n", version + ".info": string(info)} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	file, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	err = zip.CreateFromVCS(file, module.Version{Path: m.Path, Version: version}, w.Root, tag, prefix)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
