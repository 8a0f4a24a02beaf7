// Package nilcheck finds arguments that are nil and would panic deep within
// go-redis.
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

// Context returns an error for a context that is nil.
func Context(ctx context.Context) error {
	if ctx == nil {
		return errContext
	}
	return nil
}

// Client returns an error for a client that is nil, or a pointer that is nil.
func Client(client redis.UniversalClient) error {
	if client == nil || IsPointer(client) {
		return errClient
	}
	return nil
}

// IsPointer reports whether an interface holds a pointer that is nil.
func IsPointer(value any) bool {
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// Both returns an error for a context or a client that is nil.
func Both(ctx context.Context, client redis.UniversalClient) error {
	return errors.Join(Context(ctx), Client(client))
}
