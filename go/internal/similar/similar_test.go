package similar

import "testing"

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"count", "count", 0}, {"coutn", "count", 2}, {"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want || distance(test.b, test.a) != got {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"file_event", "user_event", "file"}
	for name, want := range map[string]string{"fil_event": "file_event", "fiel_event": "file_event", "usr_events": "user_event", "order": "", "": ""} {
		if got := Nearest(name, words, 2); got != want {
			t.Errorf("%q is near %q, not %q", name, got, want)
		}
	}
}
