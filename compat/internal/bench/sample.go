package bench

// Metric names a measured quantity. Times are microseconds.
type Metric string

// The metrics. A case measures those that make sense for it.
const (
	PerSecond     Metric = "messages_per_second"
	P50           Metric = "p50_us"
	P99           Metric = "p99_us"
	CommandTime   Metric = "redis_command_us"    // a message, in Redis' commands (INFO commandstats)
	RedisCPU      Metric = "redis_cpu_us"        // a message, of the whole server process
	ClientCPU     Metric = "client_cpu_us"       // a message, of the client process
	Allocations   Metric = "allocations"         // a message
	AllocatedSize Metric = "allocated_bytes"     // a message
	Connections   Metric = "connections"         // of the idle process
	Resident      Metric = "resident_mib"        // of the idle process
	IdleCommands  Metric = "commands_per_second" // while idle
)

// Sample is what one run of a case measured.
type Sample map[Metric]float64
