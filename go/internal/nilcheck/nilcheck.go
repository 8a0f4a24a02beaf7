// Package nilcheck rejects nil arguments that would cause a panic within go-redis.
package nilcheck

import (
	"context"
	"errors"
	"reflect"

	"github.com/redis/go-redis/v9"
)

var (
	errContext = errors.New("the context is nil")
	errClient  = errors.New("the client is nil")
)

// Context returns an error for a nil context.
func Context(ctx context.Context) error {
	if ctx == nil {
		return errContext
	}
	return nil
}

// Client returns an error for a nil client, or an interface with a nil pointer.
func Client(client redis.UniversalClient) error {
	if client == nil || IsPointer(client) {
		return errClient
	}
	return nil
}

// IsPointer reports whether an interface contains a nil pointer.
func IsPointer(value any) bool {
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// Both returns an error for a nil context or a nil client.
func Both(ctx context.Context, client redis.UniversalClient) error {
	return errors.Join(Context(ctx), Client(client))
}
