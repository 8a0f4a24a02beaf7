package remoteevent

import "testing"

// Retries, suspects and fresh messages all have turns (REL-41, REL-45).
func TestTurn(t *testing.T) {
	t.Parallel()
	failed, withoutSuspects := 0, 0
	for claim := range 1600 {
		retries, suspects := turn(claim)
		if !retries && !suspects {
			t.Fatalf("claim %d permits no suspect although it is no turn of failed messages", claim)
		}
		if retries {
			failed++
			if !suspects {
				withoutSuspects++
			}
		}
	}
	if failed != 200 || withoutSuspects != 100 {
		t.Errorf("%d of 1,600 claims are turns of failed messages, %d of them without a suspect", failed, withoutSuspects)
	}
}
