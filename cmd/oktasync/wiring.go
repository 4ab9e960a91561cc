package main

import (
	"encoding/hex"
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
)

// redisOptions turns the configuration into what package jobs needs.
func redisOptions(r config.Redis) jobs.RedisOptions {
	if r.Embedded() {
		return jobs.RedisOptions{Mode: jobs.ModeEmbedded}
	}
	return jobs.RedisOptions{
		Mode: jobs.Mode(r.Mode), Addrs: r.Addresses, Username: r.Username, Password: r.Password.Reveal(), DB: r.DB,
		MasterName: r.MasterName, SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword.Reveal(),
		TLS: r.TLS.Enabled, CAFile: r.TLS.CAFile, ServerName: r.TLS.ServerName,
	}
}

// clientAddress tells how the source of a request is found. Headers are believed
// only from the proxies that the configuration names.
func clientAddress(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

func adminTokens(cfg config.Config) []api.Token {
	var tokens []api.Token
	for _, t := range cfg.API.Tokens {
		tokens = append(tokens, api.Token{Name: t.Name, SHA256: hex.EncodeToString(t.SHA256[:]), Role: directory.Role(t.Role)})
	}
	return tokens
}
