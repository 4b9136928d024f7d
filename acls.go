package rivusio

import (
	"encoding/json/v2"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"encoding/json/jsontext"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/engine"
)

var aclFormats = []string{"kafka-acls", "json"}

func (p *program) aclsCommand() *cobra.Command {
	var format, principal string
	var checks bool
	cmd := &cobra.Command{
		Use:   "acls [FILE]",
		Short: "Print the least rights that a topology needs on the cluster",
		Long: `Print the least rights that a topology needs on the cluster, as commands of kafka-acls.sh or as JSON. Without any one of them it
does not run, and says which is missing. With --checks also those by which it can see that settings of topics would lose
data. They depend on guarantee and require_topics; no cluster is asked.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			t, done, err := p.chosen(cmd, args, selected(c), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			rights := engine.Rights(t, c.Engine)
			if checks {
				rights = append(rights, engine.AdvisedRights(t)...)
			}
			if principal == "" {
				principal = "User:" + t.Application()
			}
			text, err := printRights(rights, format, principal, c.Engine.Brokers)
			if err != nil {
				_ = done() // the mistake on the command line counts
				return err
			}
			if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
				return err
			}
			return done()
		},
	}
	p.configure(cmd)
	cmd.Flags().StringVar(&format, "format", aclFormats[0], "one of "+strings.Join(aclFormats, ", "))
	cmd.Flags().StringVar(&principal, "principal", "", "`who` gets the rights (default: User: and the name of the topology)")
	cmd.Flags().BoolVar(&checks, "checks", false, "also rights by which settings of topics are checked")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(aclFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func printRights(rights []engine.Right, format, principal string, brokers []string) (string, error) {
	switch format {
	case "json":
		text, err := json.Marshal(struct {
			Principal string         `json:"principal"`
			Rights    []engine.Right `json:"rights"`
		}{principal, rights}, jsontext.WithIndent("  "))
		return string(text) + "\n", err
	case "kafka-acls":
		var b strings.Builder
		for len(rights) > 0 {
			n := 1
			for n < len(rights) && rights[n].Resource == rights[0].Resource && rights[n].Name == rights[0].Name && rights[n].Reason == rights[0].Reason {
				n++
			}
			writeACL(&b, rights[:n], principal, strings.Join(brokers, ","))
			rights = rights[n:]
		}
		return b.String(), nil
	}
	return "", &usageError{fmt.Sprintf("--format: %q is not one of %s", format, strings.Join(aclFormats, ", "))}
}

// writeACL writes one command for a shell, with the rights to one resource.
func writeACL(b *strings.Builder, rights []engine.Right, principal, brokers string) {
	r := rights[0]
	resource := map[engine.Resource]string{
		engine.TopicResource: "--topic", engine.GroupResource: "--group", engine.TransactionalIDResource: "--transactional-id",
	}[r.Resource]
	pattern := "literal"
	if r.Prefix {
		pattern = "prefixed"
	}
	fmt.Fprintf(b, "# %s\nkafka-acls.sh --bootstrap-server %s --add --allow-principal %s", r.Reason, shellQuote(brokers), shellQuote(principal))
	for _, r := range rights {
		fmt.Fprintf(b, " --operation %s", kafkaWord(r.Operation))
	}
	fmt.Fprintf(b, " %s %s --resource-pattern-type %s\n", resource, shellQuote(r.Name), pattern)
}

// kafkaWord is an operation as kafka-acls.sh takes it: Read, DescribeConfigs.
func kafkaWord(o engine.Operation) string {
	var b strings.Builder
	for word := range strings.SplitSeq(string(o), "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

// shellQuote makes one word of a text.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
