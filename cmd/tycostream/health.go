package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream/internal/config"
)

// healthPatience is how long a gateway may take to say that it lives.
const healthPatience = 3 * time.Second

// healthCommand asks the gateway that runs beside it, with the same settings,
// whether it lives. It is the container image's health check, which has no
// other program to ask with; people have curl.
func (p *program) healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "health",
		Short:  "Ask the running gateway whether it lives",
		Args:   noArguments,
		Hidden: true,
	}
	config.AddFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := p.load(cmd, false)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), healthPatience)
		defer cancel()
		return askLivez(ctx, settings.Config)
	}
	return cmd
}

// askLivez returns nil when the gateway with the settings c says that it lives.
func askLivez(ctx context.Context, c *config.Config) error {
	scheme, host, port := "http", c.Listen.Host, c.Listen.Port
	switch {
	case c.Listen.InternalPort != 0:
		port = c.Listen.InternalPort
	case c.TLS.Cert != "":
		scheme = "https"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	url := scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/livez"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// Not the default transport: a proxy that the environment names has no
	// part in this. Nor has the certificate, which is for another host name.
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // nothing is sent, and only a status is believed
	}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for health: %s answers %s", url, res.Status)
	}
	return nil
}
