package config_test

import (
	"testing"

	"github.com/remote-events/remote-events/go/config"
	"github.com/remote-events/remote-events/go/internal/zerovalue"
)

func TestZeroValues(t *testing.T) {
	t.Parallel()
	zerovalue.Check(t, map[string]any{
		"Load": config.Load, "WithEnviron": config.WithEnviron, "WithParameters": config.WithParameters,
	}, &config.Error{}, config.Redis{}, config.Secret(""), config.Warning{})
}
