package mutant

// leasing has the mutants that deliver at least once, and lose or repeat messages.
var leasing = []Mutation{
	{Name: "never-extends", About: "does not extend the lease while a listener works", Requirement: "REL-16", Cases: []string{"reliability/long-listener"}, leasing: neverExtends},
	{Name: "lease-in-seconds", About: "passes the lease in seconds to scripts that expect milliseconds", Requirement: "REL-1", Cases: []string{"reliability/long-listener"}, leasing: leaseInSeconds},
	{Name: "acknowledges-first", About: "acknowledges a message before its listeners are called", Requirement: "REL-18", Cases: []string{"reliability/listener-at-work"}, leasing: acknowledgesFirst},
	{Name: "pops-plainly", About: "takes messages with BRPOP, although it claims to be reliable", Requirement: "REL-15", Cases: []string{"reliability/listener-at-work", "reliability/killed-at-work"}, leasing: popsPlainly},
	{Name: "no-release", About: "does not return staged messages when it stops", Requirement: "REL-31", Cases: []string{"reliability/stop-with-staged"}, leasing: noRelease},
	{Name: "no-last-report", About: "stops without acknowledging the message that it has just handled", Requirement: "REL-18", Cases: []string{"reliability/stop-at-work"}, leasing: noLastReport},
	{Name: "forgets-the-report", About: "forgets acknowledgements and failures if Redis does not reply", Requirement: "REL-18", Cases: []string{"reliability/unreachable", "reliability/failure-while-unreachable"}, leasing: forgetsReport},
	{Name: "gives-up", About: "ends after an error of Redis", Requirement: "REL-32", Cases: []string{"reliability/connections-killed", "reliability/wrong-type"}, leasing: givesUp},
	{Name: "no-text", About: "sends only the digest of a script, even if Redis does not know it", Requirement: "REL-10", Cases: []string{"reliability/scripts-forgotten"}, leasing: noText},
	{Name: "another-text", About: "uses other scripts with the same effect", Requirement: "REL-9", Cases: []string{"reliability/scripts-forgotten"}, leasing: anotherText},
	{Name: "never-dies", About: "retries for ever", Requirement: "REL-22", Cases: []string{"reliability/max-attempts"}, leasing: neverDies},
	{Name: "no-retry", About: "turns a message into a dead letter after the first failure", Requirement: "REL-20", Cases: []string{"reliability/retries"}, leasing: noRetry},
	{Name: "failure-is-success", About: "acknowledges a message whose listener fails", Requirement: "REL-20", Cases: []string{"reliability/retries", "reliability/max-attempts"}, leasing: failureIsSuccess},
	{Name: "retries-at-once", About: "retries without a delay", Requirement: "REL-21", Cases: []string{"reliability/retries"}, leasing: retriesAtOnce},
	{Name: "constant-delay", About: "retries with the same delay each time", Requirement: "REL-21", Cases: []string{"reliability/retries"}, leasing: constantDelay},
	{Name: "wrong-index", About: "reports failures with an index that begins at 1", Requirement: "REL-20", Cases: []string{"reliability/max-attempts"}, leasing: wrongIndex},
	{Name: "permanent-is-retried", About: "retries a message whose listener reports that it never succeeds", Requirement: "REL-23", Cases: []string{"reliability/permanent-failure"}, leasing: permanentIsRetried},
	{Name: "malformed-is-dropped", About: "acknowledges malformed messages, and logs nothing", Requirement: "REL-23", Cases: []string{"reliability/malformed", "poison/array"}, leasing: malformedIsDropped},
	{Name: "malformed-is-retried", About: "retries malformed messages", Requirement: "REL-23", Cases: []string{"reliability/malformed", "poison/array"}, leasing: malformedIsRetried},
	{Name: "reason-as-text", About: "writes the text of an error as the reason", Requirement: "REL-25", Cases: []string{"reliability/max-attempts"}, leasing: reasonAsText},
	{Name: "payload-in-the-reason", About: "quotes a malformed message in its reason", Requirement: "REL-27", Cases: []string{"reliability/malformed"}, leasing: payloadInReason},
	{Name: "one-code", About: "uses the code failed for every reason", Requirement: "REL-25", Cases: []string{"reliability/permanent-failure", "reliability/malformed"}, leasing: oneCode},
	{Name: "claims-stay", About: "does not end its claims", Requirement: "REL-43", Cases: []string{"reliability/acknowledge"}, leasing: claimsStay},
	{Name: "deletes-by-itself", About: "removes a handled message with HDEL, even if another receiver holds it", Requirement: "REL-19", Cases: []string{"reliability/lease-lost"}, leasing: deletesByItself},
	{Name: "whole-name-as-tag", About: "uses the whole name of the queue as the tag of the companion keys", Requirement: "REL-4", Cases: []string{"reliability/names"}, leasing: wholeNameAsTag},
	{Name: "keys-of-its-own", About: "uses other names for the companion keys", Requirement: "REL-3", Cases: []string{"reliability/listener-at-work"}, leasing: keysOfItsOwn},
	{Name: "any-queue", About: "consumes companion keys", Requirement: "REL-2", Cases: []string{"reliability/reserved-name"}, leasing: anyQueue},
	{Name: "ignores-retries", About: "handles only fresh messages, and lets the leases of claimed retries expire", Requirement: "REL-39", Cases: []string{"reliability/killed-at-work", "reliability/retries"}, leasing: ignoresRetries},
	{Name: "waits-for-ever", About: "waits for fresh messages although a retry is due", Requirement: "REL-14", Cases: []string{"reliability/retries"}, leasing: waitsForEver},
	{Name: "many-suspects", About: "handles suspects of several queues at the same time", Requirement: "REL-40", Cases: []string{"reliability/one-suspect"}, leasing: manySuspects},
	{Name: "no-suspects", About: "never permits a suspect", Requirement: "REL-39", Cases: []string{"reliability/one-suspect"}, leasing: noSuspects},
	{Name: "hoards", About: "claims a hundred messages and handles them one after the other", Requirement: "REL-13", Cases: []string{"reliability/two-processes"}, leasing: hoards},
	{Name: "needs-memory", About: "moves a message before each claim, which Redis denies without memory", Requirement: "REL-33", Cases: []string{"reliability/out-of-memory"}, leasing: needsMemory},
}

// mistake is a mistake of a reliable receiver.
type mistake int

const (
	noMistake mistake = iota
	neverExtends
	leaseInSeconds
	acknowledgesFirst
	popsPlainly
	noRelease
	noLastReport
	forgetsReport
	givesUp
	noText
	anotherText
	neverDies
	noRetry
	failureIsSuccess
	retriesAtOnce
	constantDelay
	wrongIndex
	permanentIsRetried
	malformedIsDropped
	malformedIsRetried
	reasonAsText
	payloadInReason
	oneCode
	claimsStay
	deletesByItself
	wholeNameAsTag
	keysOfItsOwn
	anyQueue
	ignoresRetries
	waitsForEver
	manySuspects
	noSuspects
	hoards
	needsMemory
)
