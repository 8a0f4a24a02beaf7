package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// scaling are the flags of queue keda.
type scaling struct {
	deployment string
	messages   int
	max        int
}

func (a *app) queueKEDACommand() *cobra.Command {
	var s scaling
	command := &cobra.Command{
		Use:   "keda QUEUE",
		Short: "Print a KEDA ScaledObject for the receivers of a queue",
		Long: `Print a ScaledObject with which KEDA scales a Kubernetes deployment of
at-least-once receivers by the messages of QUEUE, down to none. The command does
not connect to Redis.

The length of the list alone is not enough: receivers move messages off it
before they handle them, and a deployment that is scaled to zero then would
leave them, and those that wait for another attempt, until the next message
arrives. The ScaledObject therefore also has a trigger for staged, leased,
retrying and suspect messages: while there is one, a receiver runs.

The triggers read their password from the environment variable REDIS_PASSWORD of
the deployment's container, if there is one, and the user name from
REDIS_USERNAME.`,
		Example: `  remote-event queue keda new_file_event --deployment uploads --redis redis://redis:6379 |
    kubectl apply -f -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return withHint(fmt.Errorf("%s: name one queue", pathOf(cmd)), cmd.UseLine())
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := command.Flags()
	flags.StringVar(&s.deployment, "deployment", "", "`NAME` of the deployment of the receivers")
	flags.IntVar(&s.messages, "messages", 100, "aim at one receiver for each `N` waiting messages")
	flags.IntVar(&s.max, "max-replicas", 10, "run at most `N` receivers")
	_ = command.MarkFlagRequired("deployment")
	command.RunE = func(cmd *cobra.Command, names []string) error {
		if s.messages < 1 || s.max < 1 {
			return usageError("--messages and --max-replicas must be at least 1")
		}
		c, err := a.configuration(cmd.Context())
		if err != nil {
			return err
		}
		t, err := a.target(c)
		if err != nil {
			return err
		}
		text, err := scaledObject(t, names[0], s)
		if err != nil {
			return err
		}
		return a.print(text)
	}
	return command
}

// kedaName is the longest name of an object in Kubernetes.
const kedaName = 63

// scaledObject returns the ScaledObject of a queue.
func scaledObject(t *target, queue string, s scaling) (string, error) {
	if t.Network == "unix" {
		return "", withHint(usageError("KEDA cannot use a Unix socket"), "--redis redis://HOST:PORT names the Redis in the cluster")
	}
	client := t.client() // it does not connect
	defer func() { _ = client.Close() }()
	q, err := queueadmin.Open(client, queue)
	if err != nil {
		return "", usageError(err.Error())
	}
	keys := q.CompanionKeys()
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: %s
spec:
  scaleTargetRef:
    name: %s
  minReplicaCount: 0
  maxReplicaCount: %d
  triggers:
`, quotedYAML(s.deployment[:min(len(s.deployment), kedaName)]), quotedYAML(s.deployment), s.max)
	trigger := func(comment, key string, length int) {
		kind, addresses := "redis", [2]string{"address", t.Addr}
		switch {
		case t.master != "":
			kind, addresses = "redis-sentinel", [2]string{"addresses", strings.Join(t.addrs, ",")}
		case len(t.addrs) > 1:
			kind, addresses = "redis-cluster", [2]string{"addresses", strings.Join(t.addrs, ",")}
		}
		metadata := [][2]string{addresses}
		if t.master != "" {
			metadata = append(metadata, [2]string{"sentinelMaster", t.master})
		}
		metadata = append(metadata, [2]string{"listName", key}, [2]string{"listLength", strconv.Itoa(length)})
		if t.DB != 0 {
			metadata = append(metadata, [2]string{"databaseIndex", strconv.Itoa(t.DB)})
		}
		if t.TLSConfig != nil {
			metadata = append(metadata, [2]string{"enableTLS", "true"})
		}
		metadata = append(metadata, [2]string{"usernameFromEnv", "REDIS_USERNAME"}, [2]string{"passwordFromEnv", "REDIS_PASSWORD"})
		fmt.Fprintf(&b, "    - type: %s # %s\n      metadata:\n", kind, comment)
		for _, m := range metadata {
			fmt.Fprintf(&b, "        %s: %s\n", m[0], quotedYAML(m[1]))
		}
	}
	// A trigger with this length asks for one receiver while its key has an element.
	const one = 1_000_000_000
	trigger("messages in the list", queue, s.messages)
	trigger("messages that a receiver took while it was idle", keys["staging"], one)
	trigger("messages that are being handled", keys["claims"], one)
	trigger("messages that wait for another attempt", keys["retries"], one)
	trigger("messages of receivers that died", keys["suspects"], one)
	return b.String(), nil
}

// quotedYAML quotes a text for YAML, which reads JSON's strings.
func quotedYAML(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // every string has JSON
	}
	return string(quoted)
}
