package main

import "github.com/spf13/cobra"

// completeContexts completes the name of a context.
func (a *app) completeContexts(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	saved, err := a.contexts()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, name := range saved.names() {
		c := saved.Contexts[name]
		names = append(names, cobra.CompletionWithDesc(name, c.summary()))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
