package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// connectionAllowance is what one process needs beside its workers: hooks, API,
// schedule, sweeper, health checks, and one to spare.
const connectionAllowance = 6

// validate checks what belongs together. Keys that are wrong by themselves are left
// out: their problem is known already.
func (l *loader) validate(c *Config) {
	l.checkDatabase(c)
	l.checkRedis(c)
	l.checkServer(c)
	l.checkAlerts(c)
	l.checkMail(c)
	if len(c.Roles) == 0 && !l.problems.has("roles") {
		l.add("roles", "is empty; give at least one of web, worker, scheduler")
	}
	l.checkTenants(c)
}

// add reports a problem where the key was set.
func (l *loader) add(key, format string, args ...any) {
	l.problems.add(key, l.values[key].where, format, args...)
}

func (l *loader) checkDatabase(c *Config) {
	if !l.problems.has("database.url", "database.password") && c.Database.Password.IsSet() {
		l.mergeDatabasePassword(c)
	}
	if l.problems.has("database", "workers", "roles") || c.Database.Driver() != "postgres" || !c.HasRole(RoleWorker) {
		return
	}
	if need := c.Workers.Total() + connectionAllowance; c.Database.MaxConns < need {
		l.add("database.max_conns", "%d are too few for %d workers; give at least %d, or fewer workers", c.Database.MaxConns, c.Workers.Total(), need)
	}
}

func (l *loader) mergeDatabasePassword(c *Config) {
	if c.Database.Driver() != "postgres" {
		l.add("database.password", "is set, but SQLite has no password; remove it, or set database.url to a postgres:// address")
		return
	}
	parsed, err := url.Parse(c.Database.URL.Reveal())
	if err != nil {
		l.add("database.url", "is not an address; write special characters in percent form")
		return
	}
	if _, has := parsed.User.Password(); has {
		l.add("database.password", "is set, but database.url has a password as well; remove one")
		return
	}
	if parsed.User.Username() == "" {
		l.add("database.url", "has no user, but database.password is set; write postgres://user@host/name")
		return
	}
	parsed.User = url.UserPassword(parsed.User.Username(), c.Database.Password.Reveal())
	c.Database.URL = NewURL(parsed.String())
}

func (l *loader) checkRedis(c *Config) {
	if l.problems.has("redis") {
		return
	}
	r := &c.Redis
	switch r.Mode {
	case RedisSingle:
		l.checkSingleRedis(c)
	case RedisSentinel:
		if r.MasterName == "" {
			l.add("redis.master_name", "is missing; give the name under which the sentinels know the server, often mymaster")
		}
		l.checkManyRedis(r)
	case RedisCluster:
		l.unwanted(r.Mode, "redis.master_name", "redis.sentinel_username", "redis.sentinel_password")
		if r.DB != 0 {
			l.add("redis.db", "%d does not exist in a cluster, which has only 0", r.DB)
		}
		l.checkManyRedis(r)
	default:
		l.add("redis.mode", "is not known")
	}
	l.checkCAFile(r)
}

// checkManyRedis checks what Sentinel and Cluster share.
func (l *loader) checkManyRedis(r *Redis) {
	if len(r.Addresses) == 0 {
		l.add("redis.addresses", "is missing; redis.mode %s needs host:port of at least one node", r.Mode)
	}
	l.unwanted(r.Mode, "redis.url")
}

// checkSingleRedis takes the URL apart, so that all modes are read from the same fields.
func (l *loader) checkSingleRedis(c *Config) {
	r := &c.Redis
	l.unwanted(r.Mode, "redis.addresses", "redis.master_name", "redis.sentinel_username", "redis.sentinel_password")
	if r.Embedded() {
		l.checkAllRoles(c)
		l.unwanted("embedded", "redis.username", "redis.password", "redis.db", "redis.tls.enabled", "redis.tls.ca_file", "redis.tls.server_name")
		return
	}
	parsed, err := url.Parse(r.URL.Reveal())
	if err != nil {
		l.add("redis.url", "is not an address")
		return
	}
	port := parsed.Port()
	if port == "" {
		port = "6379"
	}
	host := parsed.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	r.Addresses = []string{host + ":" + port}
	l.takeUser(r, parsed)
	if n, _ := redisDB(parsed); n >= 0 {
		if _, set := l.values["redis.db"]; set && r.DB != n {
			l.add("redis.db", "is %d, but redis.url ends with %d; remove one", r.DB, n)
		}
		r.DB = n
	}
	if parsed.Scheme == "redis" && r.TLS.Enabled {
		l.add("redis.tls.enabled", "is true, but redis.url begins with redis://; write rediss://")
	}
	r.TLS.Enabled = parsed.Scheme == "rediss"
}

// checkAllRoles refuses to split the roles over processes that do not share a queue.
func (l *loader) checkAllRoles(c *Config) {
	if l.problems.has("roles") || len(c.Roles) == 3 || len(c.Roles) == 0 {
		return
	}
	l.add("roles", "%s alone cannot work with redis.url embedded, whose queue no other process sees; give all three roles, or a redis:// address",
		strings.Join(c.Roles, " and "))
}

func (l *loader) takeUser(r *Redis, parsed *url.URL) {
	if name := parsed.User.Username(); name != "" {
		if r.Username != "" {
			l.add("redis.username", "is set, but redis.url has a user as well; remove one")
		}
		r.Username = name
	}
	if password, has := parsed.User.Password(); has && password != "" {
		if r.Password.IsSet() {
			l.add("redis.password", "is set, but redis.url has a password as well; remove one")
		}
		r.Password = NewSecret(password)
	}
}

func (l *loader) checkCAFile(r *Redis) {
	if r.TLS.CAFile == "" || l.problems.has("redis") {
		return
	}
	if !r.TLS.Enabled {
		l.add("redis.tls.ca_file", "is set, but the connection is not protected; write rediss:// in redis.url, or redis.tls.enabled: true")
		return
	}
	content, err := l.options.ReadFile(r.TLS.CAFile)
	if err != nil {
		l.add("redis.tls.ca_file", "can't read %s: %s", quote(r.TLS.CAFile), reason(err))
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		l.add("redis.tls.ca_file", "%s holds no certificate in PEM form", quote(r.TLS.CAFile))
	}
}

// unwanted reports settings that have no effect in this mode: whoever wrote them
// believes that they do.
func (l *loader) unwanted(mode string, keys ...string) {
	for _, key := range keys {
		v, set := l.values[key]
		// A default that is written out misleads nobody.
		if v.in.isList {
			set = set && len(v.in.list) > 0
		} else {
			set = set && !slices.Contains([]string{"", "0", "false", embedded}, v.in.text)
		}
		if set {
			l.add(key, "has no effect while Redis is used as %s; remove it, or change redis.mode or redis.url", mode)
		}
	}
}

func (l *loader) checkServer(c *Config) {
	if !l.problems.has("server") && c.Server.ReadHeaderTimeout > c.Server.ReadTimeout {
		l.add("server.read_header_timeout", "%s is longer than server.read_timeout (%s), which contains it",
			showDuration(c.Server.ReadHeaderTimeout), showDuration(c.Server.ReadTimeout))
	}
}

func (l *loader) checkTenants(c *Config) {
	if l.single && l.many != "" {
		l.problems.add("tenants", l.many, "is given together with the settings of a single tenant (%s); move them to tenants.%s",
			strings.Join(l.topLevel(), ", "), DefaultSlug)
		return
	}
	if len(c.Tenants) == 0 {
		if !l.options.NoTenants && len(c.Encryption.Keys) == 0 && !l.problems.has("tenants", "encryption") {
			l.problems.add("okta", "", "no tenant is configured; set okta.url, okta.token, okta.app_id and hook.secrets, or the same below tenants.<slug>; or set encryption.keys, to add tenants by the API")
		}
		return
	}
	hosts := map[string]string{}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		before := len(l.problems.all)
		l.checkTenant(c, t, hosts)
		if variable := l.onlyEnv[t.Slug]; variable != "" && len(l.problems.all) > before {
			l.problems.add("tenants."+t.Slug, variable, "this tenant is known from the environment alone; if that is not meant, correct the name of the variable")
		}
	}
}

// checkTenant checks what belongs together inside one tenant, and its hosts against those that
// others have, to which it adds its own.
func (l *loader) checkTenant(c *Config, t *Tenant, hosts map[string]string) {
	l.checkPreset(t)
	l.checkOkta(t)
	l.checkHook(t, hosts)
	l.checkRules(t)
	l.checkGrace(c, t)
	l.checkGrants(t)
	l.checkInvites(c, t)
}

// checkGrace: once the row of somebody who left is forgotten, nothing tells any more whose history
// is to be erased.
func (l *loader) checkGrace(c *Config, t *Tenant) {
	key := t.key("deprovision.grace")
	if t.Deprovision.Policy != DeprovisionDelete || l.problems.has(key, t.key("deprovision.policy"), "retention.tombstones") || t.Deprovision.Grace < c.Retention.Tombstones {
		return
	}
	l.add(key, "%s is not shorter than retention.tombstones (%s), after which it is no longer known who left; choose a shorter grace or a longer retention",
		showDuration(t.Deprovision.Grace), showDuration(c.Retention.Tombstones))
}

// topLevel lists the sections of a tenant that stand at the top level.
func (l *loader) topLevel() []string {
	sections := map[string]bool{}
	for _, s := range l.suffixes {
		if _, set := l.values[s.key]; set {
			section, _, _ := strings.Cut(s.key, ".")
			sections[section] = true
		}
	}
	return slices.Sorted(maps.Keys(sections))
}

func (l *loader) checkHook(t *Tenant, hosts map[string]string) {
	key := t.key("hook.secrets")
	if len(t.Hook.Secrets) == 0 && !l.problems.has(key) {
		l.add(key, "is missing; make one, for example with \"openssl rand -hex 32\", and enter the same in Okta")
	}
	for i, host := range t.Hook.Hosts {
		host = strings.ToLower(host)
		t.Hook.Hosts[i] = host
		if other, taken := hosts[host]; taken {
			l.add(t.key("hook.hosts"), "%s belongs to %s as well; a host can be given to one tenant only", quote(host), other)
			continue
		}
		hosts[host] = fmt.Sprintf("tenant %s", t.Slug)
	}
}
