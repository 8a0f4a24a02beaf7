package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// page has the help of a command.
type page struct {
	path        []string // the names of the command and its subcommand
	short       string   // its description in the help of its parent
	description []string // paragraphs
	sections    []section
}

// section is a section of a help, such as the flags.
type section struct {
	title string
	lines []string
}

// Sections that are not lists of commands.
const (
	usageSection       = "Usage"
	aliasesSection     = "Aliases"
	examplesSection    = "Examples"
	flagsSection       = "Flags"
	globalFlagsSection = "Global Flags"
)

// writeManual writes a man page for a command and for each of its subcommands into a
// directory. It reads their helps.
func writeManual(ctx context.Context, binary string, c command, dir string, date time.Time) error {
	pages := []page{{path: []string{c.name}, short: c.short}}
	for i := 0; i < len(pages); i++ { // subcommands follow
		p := &pages[i]
		help, err := output(ctx, binary, append([]string{"help"}, p.path[1:]...)...)
		if err != nil {
			return err
		}
		if err := p.read(string(help)); err != nil {
			return fmt.Errorf("help of %s: %w", strings.Join(p.path, " "), err)
		}
		pages = append(pages, p.children()...)
	}
	for _, p := range pages {
		text := p.render(related(pages, p), date)
		if err := os.WriteFile(filepath.Join(dir, p.name()+".1"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// read reads a help, as cobra prints it.
func (p *page) read(help string) error {
	description, rest, ok := strings.Cut(help, "\n"+usageSection+":\n")
	if !ok {
		return fmt.Errorf("it has no section %q", usageSection)
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(description), "\n\n") {
		p.description = append(p.description, paragraph)
	}
	current := section{title: usageSection}
	for line := range strings.SplitSeq(rest, "\n") {
		title, isTitle := strings.CutSuffix(line, ":")
		if !isTitle || title == "" || strings.HasPrefix(line, " ") {
			current.lines = append(current.lines, line)
			continue
		}
		p.sections = append(p.sections, current)
		current = section{title: title}
	}
	p.sections = append(p.sections, current)
	return nil
}

// name returns the name of the page.
func (p page) name() string { return strings.Join(p.path, "-") }

// children returns the pages of the subcommands, yet to be read.
func (p page) children() (pages []page) {
	for _, s := range p.sections {
		switch s.title {
		case usageSection, aliasesSection, examplesSection, flagsSection, globalFlagsSection:
			continue
		}
		for _, line := range s.lines {
			name, short, ok := strings.Cut(strings.TrimSpace(line), " ")
			if ok && strings.HasPrefix(line, "  ") && name != "help" {
				pages = append(pages, page{path: append(slices.Clip(p.path), name), short: strings.TrimSpace(short)})
			}
		}
	}
	return pages
}

// related returns the names of the pages of the parent and of the children of a command.
func related(pages []page, of page) (names []string) {
	for _, p := range pages {
		isParent := len(p.path) == len(of.path)-1 && p.name() == strings.Join(of.path[:len(p.path)], "-")
		isChild := len(p.path) == len(of.path)+1 && of.name() == strings.Join(p.path[:len(of.path)], "-")
		if isParent || isChild {
			names = append(names, p.name())
		}
	}
	return names
}

// render returns the page in the language of man(7).
func (p page) render(related []string, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 1 %q %q %q\n", strings.ToUpper(p.name()), date.UTC().Format(time.DateOnly), p.path[0], "Remote events")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(p.name()), roff(strings.TrimSuffix(p.short, ".")))
	for _, s := range p.sections {
		switch s.title {
		case usageSection:
			b.WriteString(".SH SYNOPSIS\n.nf\n")
			for _, line := range s.lines {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Use ") {
					fmt.Fprintf(&b, "%s\n", roff(line))
				}
			}
			b.WriteString(".fi\n.SH DESCRIPTION\n")
			for _, paragraph := range p.description {
				writeParagraph(&b, paragraph)
			}
		case flagsSection:
			b.WriteString(".SH OPTIONS\n")
			writeFlags(&b, s.lines)
		case globalFlagsSection:
			b.WriteString(".SH GLOBAL OPTIONS\n")
			writeFlags(&b, s.lines)
		case examplesSection:
			b.WriteString(".SH EXAMPLES\n")
			writeParagraph(&b, strings.TrimRight(strings.Join(s.lines, "\n"), "\n"))
		case aliasesSection:
		default:
			fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(roff(s.title)))
			for _, child := range p.children() {
				for _, line := range s.lines {
					if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name == child.path[len(child.path)-1] {
						fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(name), roff(child.short))
					}
				}
			}
		}
	}
	if len(related) > 0 {
		b.WriteString(".SH SEE ALSO\n")
		for i, name := range related {
			comma := ","
			if i == len(related)-1 {
				comma = ""
			}
			fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(name), comma)
		}
	}
	return b.String()
}

// writeParagraph writes a paragraph; one with indented lines or list marks keeps its lines.
func writeParagraph(b *strings.Builder, text string) {
	lines := strings.Split(text, "\n")
	kept := false
	for _, line := range lines {
		kept = kept || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "- ")
	}
	b.WriteString(".PP\n")
	if kept {
		b.WriteString(".nf\n")
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%s\n", roff(line))
	}
	if kept {
		b.WriteString(".fi\n")
	}
}

// writeFlags writes the flags of a help: the name, at least two spaces, the text, and
// further lines of the text.
func writeFlags(b *strings.Builder, lines []string) {
	for _, line := range lines {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(text, "Use "):
		case strings.HasPrefix(text, "-"):
			name, text, _ := strings.Cut(text, "   ")
			fmt.Fprintf(b, ".TP\n.B %s\n", roff(name))
			if text = strings.TrimSpace(text); text != "" {
				fmt.Fprintf(b, "%s\n", roff(text))
			}
		default:
			fmt.Fprintf(b, "%s\n", roff(text))
		}
	}
}

// roff escapes a line for troff.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga", "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
