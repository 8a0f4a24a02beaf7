package mutant

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/wire"
)

// sending has the mutants that send other messages, or to other places.
var sending = []Mutation{
	{Name: "pushes-right", About: "pushes to the right of the list", Requirement: "SEND-3", Cases: []string{"send", "payload", "redis/itself"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			return client.RPush(ctx, key, message).Err()
		}},
	{Name: "key-prefix", About: "puts a prefix before the key", Requirement: "SEND-3", Cases: []string{"send", "payload"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			return client.LPush(ctx, "events:"+key, message).Err()
		}},
	{Name: "key-lower-case", About: "writes the key in lower case", Requirement: "SEND-3", Cases: []string{"send", "payload"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			return client.LPush(ctx, strings.ToLower(key), message).Err()
		}},
	{Name: "key-trimmed", About: "changes the key into a valid file name", Requirement: "SEND-3", Cases: []string{"send"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			return client.LPush(ctx, strings.Trim(key, "{}\x00\n "), message).Err()
		}},
	{Name: "pushes-twice", About: "pushes every event twice", Requirement: "SEND-5", Cases: []string{"send", "payload", "redis/sender-many"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			return client.LPush(ctx, key, message, message).Err()
		}},
	{Name: "publishes", About: "publishes to a channel instead", Requirement: "SEND-3", Cases: []string{"send", "payload"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			return client.Publish(ctx, key, message).Err()
		}},
	{Name: "swallows-errors", About: "reports an event as sent although Redis rejected it", Requirement: "SEND-6", Cases: []string{"redis/sender-*", "redis/forbidden-sender"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			_ = client.LPush(ctx, key, message).Err()
			return nil
		}},
	{Name: "envelope-as-it-is", About: "writes the envelope's own names", Requirement: "WIRE-1", Cases: []string{"send", "payload"},
		write: func(message []byte) []byte {
			return bytes.Replace(message, []byte(`"data": `), []byte(`"payload": `), 1)
		}},
	{Name: "no-base-signals", About: "omits the base signals", Requirement: "SIG-2", Cases: []string{"send", "payload"},
		event: signals(func(chain []string) []string { return chain[:len(chain)-2] })},
	{Name: "base-signals-swapped", About: "writes event before remote_event", Requirement: "SIG-2", Cases: []string{"send", "payload"},
		event: signals(func(chain []string) []string {
			n := len(chain)
			chain[n-1], chain[n-2] = chain[n-2], chain[n-1]
			return chain
		})},
	{Name: "no-event", About: "omits the last base signal", Requirement: "SIG-2", Cases: []string{"send", "payload"},
		event: signals(func(chain []string) []string { return chain[:len(chain)-1] })},
	{Name: "farthest-first", About: "writes the farthest parent first", Requirement: "CHAIN-1", Cases: []string{"send", "payload"},
		event: signals(func(chain []string) []string {
			slices.Reverse(chain[1 : len(chain)-2])
			return chain
		})},
	{Name: "no-parents", About: "omits the parents", Requirement: "CHAIN-1", Cases: []string{"send", "payload"},
		event: signals(func(chain []string) []string { return slices.Delete(chain, 1, len(chain)-2) })},
	{Name: "no-own-name", About: "omits the event's own name", Requirement: "SIG-1", Cases: []string{"send", "payload"},
		event: signals(func(chain []string) []string { return chain[1:] })},
	{Name: "attributes-forgotten", About: "writes no attributes", Requirement: "META-3", Cases: []string{"send", "payload"},
		event: func(env *wire.Envelope) { env.Metadata.Attributes = nil }},
	{Name: "attributes-in-the-payload", About: "writes the attributes into the payload", Requirement: "WIRE-8", Cases: []string{"send", "payload"},
		write: func(message []byte) []byte {
			if i := bytes.Index(message, []byte(`, "metadata": {`)); i >= 0 {
				return append([]byte(`{"data": {"metadata": `), append(message[i+14:len(message)-1:len(message)-1], []byte(`}, "signals": `+string(message[bytes.Index(message, []byte(`"signals": `))+11:i])+`}`)...)...)
			}
			return message
		}},
	{Name: "sends-float64", About: "writes every number as a double", Requirement: "WIRE-8", Cases: []string{"send", "payload"},
		event: func(env *wire.Envelope) { rewrite(env, false) }},
	{Name: "sends-bom", About: "writes a byte order mark", Requirement: "JSON-1", Cases: []string{"send", "payload"},
		write: func(message []byte) []byte { return append([]byte("\ufeff"), message...) }},
	{Name: "sends-signals-string", About: "writes signals as one string", Requirement: "WIRE-2", Cases: []string{"send", "payload"},
		write: func(message []byte) []byte {
			return replaceAll(message, `"signals": [`, `"signals": "`, `"event"]`, `event"`)
		}},
	{Name: "sends-members", About: "writes members of its own at the top", Requirement: "WIRE-4", Cases: []string{"send", "payload"},
		write: func(message []byte) []byte {
			return append(message[:len(message)-1:len(message)-1], `, "version": 1}`...)
		}},
	{Name: "rejects-in-silence", About: "rejects without a reason", Requirement: "SEND-2", Cases: []string{"send"},
		answer: func(err error, _ wire.Envelope) error {
			if err != nil {
				err = errors.New("the event is not valid")
			}
			return err
		}},
	{Name: "rejects-in-vain", About: "reports a rejection, but pushes the event", Requirement: "SEND-1", Cases: []string{"send", "payload"},
		push: func(ctx context.Context, client *redis.Client, key string, message []byte) error {
			_ = client.LPush(ctx, key, message).Err()
			return errors.New("the event is not valid")
		}},
	{Name: "rejects-integers", About: "rejects integers that some languages round", Requirement: "JSON-8", Cases: []string{"send"},
		push: refusing(wire.ReqSafeInteger)},
	{Name: "forwards-anew", About: "derives the signals of a forwarded event from its name", Requirement: "SIG-2", Cases: []string{"send"},
		forward: func(env *wire.Envelope) { env.Metadata.Signals = wire.Chain(env.EventName) }},
	{Name: "repairs-signals", About: "adds missing base signals to a forwarded event", Requirement: "SIG-2", Cases: []string{"send"},
		forward: func(env *wire.Envelope) {
			if !slices.Contains(env.Metadata.Signals, wire.SignalEvent) {
				env.Metadata.Signals = append(slices.Clone(env.Metadata.Signals), wire.SignalRemoteEvent, wire.SignalEvent)
			}
		}},
	{Name: "renames-forwarded", About: "takes the name of a forwarded event from its key", Requirement: "SIG-1", Cases: []string{"send"},
		forward: func(env *wire.Envelope) {
			env.Metadata.Signals = append([]string{env.EventName}, env.Metadata.Signals[1:]...)
		}},
	{Name: "stamps-forwarded", About: "adds attributes to a forwarded event", Requirement: "SEND-4", Cases: []string{"send"},
		forward: func(env *wire.Envelope) {
			attributes := maps.Clone(env.Metadata.Attributes)
			if attributes == nil {
				attributes = map[string]string{}
			}
			attributes["forwardedby"] = "me"
			env.Metadata.Attributes = attributes
		}},
	permitting("sends-nan", "sends NaN and infinities", wire.ReqFinite),
	permitting("sends-duplicates", "sends several members with one name", wire.ReqUniqueNames),
	permitting("sends-large-floats", "sends numbers beyond doubles", wire.ReqFloatRange),
	permitting("sends-long-integers", "sends integers of more than 4,300 digits", wire.ReqIntegerDigits, wire.ReqFloatRange),
	permitting("sends-lone-surrogates", "sends lone surrogates", wire.ReqSurrogates),
	permitting("sends-reserved-members", "sends members that originals overwrite, or of which they die", wire.ReqReservedData),
	permitting("sends-commands", "sends signals of the kernel", wire.ReqReservedSignal),
	permitting("sends-a-signal-twice", "sends a signal that occurs twice", wire.ReqUniqueSignals),
	permitting("sends-deep", "nests deeper than 512 levels", wire.ReqDepth),
	permitting("sends-much", "sends more than its limit", wire.ReqSize),
	permitting("sends-any-names", "sends attributes with invalid names", wire.ReqMetadataNames),
	permitting("sends-any-values", "sends attributes with invalid values", wire.ReqMetadataValues),
	permitting("sends-any-data", "sends payloads that are not objects", wire.ReqData),
	permitting("sends-any-text", "sends payloads without checking them", wire.ReqSyntax),
}

// permitting is a mutant that sends events that violate a requirement.
func permitting(name, about string, requirements ...wire.Requirement) Mutation {
	return Mutation{Name: name, About: about, Requirement: string(requirements[0]), Cases: []string{"send"}, permits: requirements}
}

// signals is a change to the signal chain.
func signals(change func(chain []string) []string) func(*wire.Envelope) {
	return func(env *wire.Envelope) { env.Metadata.Signals = change(slices.Clone(env.Metadata.Signals)) }
}

// refusing rejects events for which a validator only reports a warning.
func refusing(requirement wire.Requirement) func(context.Context, *redis.Client, string, []byte) error {
	return func(ctx context.Context, client *redis.Client, key string, message []byte) error {
		if finding(requirement)(message, wire.Envelope{EventName: key}) {
			return errors.New("rejected: " + string(requirement))
		}
		return client.LPush(ctx, key, message).Err()
	}
}
