// Command api records the exported API of the library in go/api, and lists the differences
// from the record. With --check it writes nothing, and a difference is a
// failure.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/remote-events/remote-events/compat/internal/api"
)

func main() {
	root := flag.String("root", ".", "`DIR` of the tree")
	check := flag.Bool("check", false, "write nothing; fail if the record differs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *root, *check)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, root string, check bool) error {
	recorded, err := api.Read(root)
	if err != nil {
		return err
	}
	code, err := api.Load(ctx, root)
	if err != nil {
		return err
	}
	differences, err := api.Compare(recorded, code)
	if err != nil {
		return err
	}
	for _, difference := range differences {
		fmt.Fprintln(out, difference)
	}
	switch {
	case !check:
		return code.Write(root)
	case len(differences) > 0:
		return fmt.Errorf("the API is not as recorded in %s: run `go tool mage api` and review its changes", api.Dir)
	}
	return nil
}
