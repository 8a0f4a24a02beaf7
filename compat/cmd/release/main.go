// Command release prepares and tags a release of the modules of this repository, in the
// current directory, and makes the files that a release publishes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/remote-events/remote-events/compat/internal/release"
	"github.com/remote-events/remote-events/compat/internal/site"
)

const usage = `usage:
  release prepare VERSION         set the version in every go.mod, in go.work and in the changelog
  release tag [-dry-run] VERSION  check the tree, print the tags and create them
  release notes VERSION           print the changes of the version
  release documents DIR           write man pages, completions and certificates
  release vectors DIR             write the archive of the vectors, and print its digest
  release site DIR                write the specification as a static site
  release try DIR                 unpack the archives of this system in DIR and use them`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, ".", os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, root string, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command\n%s", usage)
	}
	flags := flag.NewFlagSet("release "+args[0], flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintln(flags.Output(), usage) }
	dryRun := flags.Bool("dry-run", false, "check and print, and create nothing")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	version := flags.Arg(0)
	dir := version
	if flags.NArg() != 1 {
		return fmt.Errorf("%s: one argument is missing\n%s", args[0], usage)
	}
	switch args[0] {
	case "prepare":
		return release.Prepare(root, version, time.Now())
	case "tag":
		return tag(ctx, out, root, version, *dryRun)
	case "notes":
		changes, err := release.Changes(root, version)
		if err == nil {
			_, err = fmt.Fprintln(out, changes)
		}
		return err
	case "documents":
		return documents(ctx, root, dir)
	case "vectors":
		name, digest, err := release.WriteVectors(root, dir)
		if err == nil {
			_, err = fmt.Fprintf(out, "%s  %s\n", digest, name)
		}
		return err
	case "site":
		return site.Write(os.DirFS(root), dir)
	case "try":
		return release.Try(ctx, out, root, dir)
	}
	return fmt.Errorf("unknown command %q\n%s", args[0], usage)
}

func tag(ctx context.Context, out io.Writer, root, version string, dryRun bool) error {
	tags, err := release.Tags(ctx, root, version)
	if err != nil {
		return err
	}
	if !dryRun {
		if err := release.Tag(ctx, root, version); err != nil {
			return err
		}
	}
	for _, name := range tags {
		if _, err := fmt.Fprintln(out, name); err != nil {
			return err
		}
	}
	return nil
}

// documents writes the documents of a release with the date of SOURCE_DATE_EPOCH, or
// today's.
func documents(ctx context.Context, root, dir string) error {
	date := time.Now()
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		date = time.Unix(seconds, 0)
	}
	return release.WriteDocuments(ctx, root, dir, date)
}
