package rivusio

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/admin"
	"github.com/rivusio/rivusio/config"
)

// probes are the paths of the admin server that health asks.
var probes = map[string]string{"ready": "/readyz", "live": "/livez", "startup": "/startupz"}

func healthCommand() *cobra.Command {
	var probe string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the processor on this machine how it is: exit code 0 if it is well",
		Long: `Ask the processor on this machine how it is, at the address that admin.address gives: exit code 0 if it is well, else 1. It is for
containers without a shell, whose health check can be nothing but the program itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, ok := probes[probe]
			if !ok {
				return &usageError{fmt.Sprintf("--probe: %q is not one of ready, live, startup", probe)}
			}
			c, err := load(cmd)
			if err != nil {
				return err
			}
			if c.Admin == nil {
				return &usageError{"admin.address is none: there is no admin server to ask"}
			}
			return askHealth(cmd, c.Admin, path)
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.MarkFlagFilename(config.FileFlag, "yaml", "yml")
	cmd.Flags().StringVar(&probe, "probe", "ready", "one of ready, live, startup")
	cmd.RegisterFlagCompletionFunc("probe", cobra.FixedCompletions([]string{"ready", "live", "startup"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// askHealth asks a probe and prints what it says.
func askHealth(cmd *cobra.Command, c *admin.Config, path string) error {
	client := &http.Client{Timeout: 4 * time.Second}
	url := "http://" + localAddress(c.Address) + path
	if c.TLS != nil {
		// The certificate is for the name that others know, and nothing secret is said.
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		url = "https" + strings.TrimPrefix(url, "http")
	}
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s\n%s", url, resp.Status, strings.TrimSpace(string(text)))
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}

// localAddress is where a server on this machine is reached that listens at an address.
func localAddress(address string) string {
	if address == "" {
		return admin.DefaultAddress
	}
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return address
}
