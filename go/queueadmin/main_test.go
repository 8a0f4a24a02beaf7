package queueadmin_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/go/queueadmin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// open returns the queue with that name.
func open(t *testing.T, client redis.UniversalClient, name string) *queueadmin.Queue {
	t.Helper()
	q, err := queueadmin.Open(client, name)
	must(t, err)
	return q
}

func deadLetters(t *testing.T, q *queueadmin.Queue) []queueadmin.DeadLetter {
	t.Helper()
	var letters []queueadmin.DeadLetter
	for letter, err := range q.DeadLetters(t.Context()) {
		must(t, err)
		letters = append(letters, letter)
	}
	return letters
}
