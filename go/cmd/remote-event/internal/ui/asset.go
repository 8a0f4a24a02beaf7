package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
)

// digests has the beginnings of the digests of assets. They are part of the addresses, so
// that browsers may keep them.
var digests = func() map[string]string {
	found := map[string]string{}
	for _, name := range []string{"style.css", "page.js", "icon.svg"} {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		found[name] = hex.EncodeToString(sum[:6])
	}
	return found
}()

// assetPath returns the address of an asset.
func assetPath(name string) string { return "/assets/" + digests[name] + "/" + name }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	if digests[name] == "" || r.URL.Path != assetPath(name) {
		http.NotFound(w, r)
		return
	}
	content, err := assets.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	kind := mime.TypeByExtension(path.Ext(name))
	if strings.HasSuffix(name, ".js") {
		kind = "text/javascript; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(content) //nolint:gosec // it is embedded; the browser may have left
}
