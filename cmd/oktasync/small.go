package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"time"
)

type versionCommand struct{}

func (versionCommand) Run(e *env) error {
	fmt.Fprintln(e.out, version)
	return nil
}

type configCommand struct {
	Check   configCheckCommand   `cmd:"" help:"Say everything that is wrong with the configuration."`
	Print   configPrintCommand   `cmd:"" help:"Print the effective configuration, secrets redacted."`
	Presets configPresetsCommand `cmd:"" help:"List the ready presets, or print one to read or copy."`

	Reload configReloadCommand `cmd:"" help:"Have the running service take over the changed configuration file."`
}

type configCheckCommand struct{}

func (configCheckCommand) Run(e *env) error {
	cfg, err := e.load(true)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "The configuration is valid: %d tenant(s).\n", len(cfg.Tenants))
	return nil
}

type configPrintCommand struct{}

func (configPrintCommand) Run(e *env) error {
	cfg, err := e.load(false)
	if err != nil {
		return err
	}
	return cfg.Print(e.out)
}

type migrateCommand struct{}

func (migrateCommand) Run(e *env) error {
	cfg, err := e.load(false)
	if err != nil {
		return err
	}
	db, err := openReadyStore(e.ctx, cfg, true)
	if err != nil {
		return err
	}
	defer db.Close()
	have, _, err := db.SchemaVersion(e.ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "The database has schema version %d.\n", have)
	return nil
}

type tokenCommand struct{}

// Run prints a new token and the hash that goes into the configuration.
func (tokenCommand) Run(e *env) error {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	token := "oks_" + base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(token))
	fmt.Fprintf(e.out, "token:  %s\nsha256: %s\n", token, hex.EncodeToString(sum[:]))
	fmt.Fprintf(e.err, "Keep the token; put the hash into api.tokens of the configuration. The token is not shown again.\n")
	return nil
}

type healthcheckCommand struct{}

// Run asks the service on this machine whether it is alive, for container health checks:
// the image has no shell and no curl.
func (healthcheckCommand) Run(e *env) error {
	cfg, err := e.load(false)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("server.listen %q: %w", cfg.Server.Listen, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client := http.Client{Timeout: 3 * time.Second}
	request, err := http.NewRequestWithContext(e.ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the service is not well: status %d", answer.StatusCode)
	}
	return nil
}
