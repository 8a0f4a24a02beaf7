package fuzz

import (
	"bytes"
	"context"
	"slices"
)

// maxProbes is the maximum number of trials for one disagreement.
const maxProbes = 2000

const (
	// maxWindow is the maximum number of adjacent pieces to remove at once, if there are
	// at most maxSlid pieces.
	maxWindow = 8
	maxSlid   = 150
)

// minimise removes parts of a message while the difference remains, by delta debugging: it
// removes each piece, and halves the pieces if all are needed. It removes tokens first, in
// groups because single tokens are rarely redundant, and then bytes.
func (w *worker) minimise(ctx context.Context, t *trial, kind string) (*trial, error) {
	probes := maxProbes
	for _, cut := range []func([]byte) [][]byte{split, single} {
		pieces := cut(t.message)
		for size := (len(pieces) + 1) / 2; size > 0 && probes > 0; {
			var candidates []*trial
			step := size
			if size <= maxWindow && len(pieces) <= maxSlid { // a member and its comma
				step = 1
			}
			for at := 0; at < len(pieces); at += step {
				left := slices.Concat(pieces[:at:at], pieces[min(at+size, len(pieces)):])
				candidates = append(candidates, newTrial(t.number, bytes.Join(left, nil)))
			}
			probes -= len(candidates)
			smaller, err := w.first(ctx, candidates, kind)
			if err != nil {
				return nil, err
			}
			switch {
			case smaller == nil && size <= maxWindow:
				size--
				continue
			case smaller == nil:
				size /= 2
				continue
			}
			t, pieces = smaller, cut(smaller.message)
			size = min(size, len(pieces))
		}
	}
	return t, nil
}

// first returns the first candidate with the difference.
func (w *worker) first(ctx context.Context, candidates []*trial, kind string) (*trial, error) {
	for len(candidates) > 0 {
		some := candidates[:min(batch, len(candidates))]
		candidates = candidates[len(some):]
		results, err := w.receiver.run(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, t := range some {
			if t.difference(w.receiver.subject.Original, results[i]) == kind {
				return t, nil
			}
		}
	}
	return nil, nil
}

// single splits a text into its bytes.
func single(text []byte) [][]byte {
	pieces := make([][]byte, len(text))
	for i := range text {
		pieces[i] = text[i : i+1]
	}
	return pieces
}
