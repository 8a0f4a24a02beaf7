// Package diagnosis finds what keeps receivers from their work or endangers
// messages. Receivers run it when they start, operators when they ask for it.
package diagnosis

// Diagnosis is one thing that was found.
type Diagnosis struct { //nolint:errname // few are used as errors
	Check Check
	// Warning marks what stops nothing for now.
	Warning bool
	// Problem says what is wrong, and Remedy what to do.
	Problem, Remedy string
	// Err is the error that Redis answered, if any, cut to what cannot hold a
	// payload.
	Err error
}

// Check is what was examined.
type Check string

// The checks.
const (
	CheckVersion        Check = "version"
	CheckSentinel       Check = "sentinel"
	CheckReplica        Check = "replica"
	CheckCluster        Check = "cluster"
	CheckEviction       Check = "eviction"
	CheckServer         Check = "server"
	CheckScript         Check = "script"
	CheckType           Check = "type"
	CheckPermission     Check = "permission"
	CheckAuthentication Check = "authentication"
	CheckClock          Check = "clock"
)

// Error returns the problem, Redis' own words and the remedy.
func (d *Diagnosis) Error() string {
	if d == nil {
		return "no diagnosis"
	}
	text := d.Problem
	if d.Err != nil {
		text += ": " + d.Err.Error()
	}
	return text + "; " + d.Remedy
}

// Unwrap returns Err.
func (d *Diagnosis) Unwrap() error {
	if d == nil {
		return nil
	}
	return d.Err
}
