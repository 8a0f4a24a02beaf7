package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestReadme holds compat/README.md to one working directory, the root of the
// repository, and to the deadline that the command has by default.
func TestReadme(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	text, err := os.ReadFile(filepath.Join(root, "compat", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	paths := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, word := range regexp.MustCompile(`[\w.-]+(?:/[\w.-]+)+`).FindAllString(block[1], -1) {
			if !strings.Contains(word, "compat/") && !strings.HasPrefix(word, "./") && !strings.Contains(word, "examples/") && !strings.Contains(word, "images") {
				continue // a case, or somebody's own file
			}
			paths++
			if _, err := os.Stat(filepath.Join(root, word)); err != nil {
				t.Errorf("from the root of the repository there is no %s", word)
			}
		}
	}
	if paths == 0 {
		t.Error("the README runs nothing of the repository")
	}
	timeout, err := runCommand().Flags().GetDuration("timeout")
	if err != nil {
		t.Fatal(err)
	}
	if says := fmt.Sprintf("is %d seconds (`--timeout`)", timeout/time.Second); !strings.Contains(string(text), says) {
		t.Errorf("the README does not say that the deadline %s", says)
	}
}
