//go:build unix

package config_test

import (
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/config"
)

func TestLoadOfAnEndlessFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load("/dev/zero")
	if err == nil || !strings.Contains(err.Error(), "longer than 1 MiB") {
		t.Errorf("got %v", err)
	}
}
