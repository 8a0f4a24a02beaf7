// Package diagnosis finds problems that stop receivers or endanger messages. Receivers
// run it at their start, and operators run it on request.
package diagnosis

// Diagnosis is one problem.
type Diagnosis struct { //nolint:errname // few are used as errors
	Check Check
	// Warning marks a problem that does not stop receivers now.
	Warning bool
	// Problem describes the problem, and Remedy the action that solves it.
	Problem, Remedy string
	// Err is the error that Redis replied, redacted, or nil.
	Err error
}

// Check identifies the examined property.
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

// Error returns the problem, the reply of Redis and the remedy.
func (d *Diagnosis) Error() string {
	if d == nil {
		return "no diagnosis"
	}
	return Text(d.Problem, d.Err, d.Remedy)
}

// Text joins a problem, the reply of Redis, which may be nil, and the remedy.
func Text(problem string, err error, remedy string) string {
	if err != nil {
		problem += ": " + err.Error()
	}
	return problem + "; " + remedy
}

// Unwrap returns Err.
func (d *Diagnosis) Unwrap() error {
	if d == nil {
		return nil
	}
	return d.Err
}
