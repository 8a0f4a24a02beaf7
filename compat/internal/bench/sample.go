package bench

// Metric is the name of a measured quantity. Times are in microseconds.
type Metric string

// The metrics. A case measures the metrics that apply.
const (
	PerSecond     Metric = "messages_per_second"
	P50           Metric = "p50_us"
	P99           Metric = "p99_us"
	CommandTime   Metric = "redis_command_us"    // per message, in Redis' commands (INFO commandstats)
	RedisCPU      Metric = "redis_cpu_us"        // per message, of the whole server process
	ClientCPU     Metric = "client_cpu_us"       // per message, of the client process
	Allocations   Metric = "allocations"         // per message
	AllocatedSize Metric = "allocated_bytes"     // per message
	Connections   Metric = "connections"         // of the idle process
	Resident      Metric = "resident_mib"        // of the idle process
	IdleCommands  Metric = "commands_per_second" // while idle
)

// Sample is the measurement of one run of a case.
type Sample map[Metric]float64
