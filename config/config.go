package config

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Config is the effective configuration. Load fills in every field, so a reader
// needs no defaults of its own.
type Config struct {
	Database  Database
	Redis     Redis
	Server    Server
	Roles     []string // a sorted selection of RoleWeb, RoleWorker and RoleScheduler
	Log       Log
	API       API
	Alerts    Alerts
	Mail      Mail
	Deliver   Deliver
	Workers   Workers
	Queue     Queue
	Retention Retention
	// Encryption protects the credentials of tenants that the API manages.
	Encryption Encryption
	Tenants    []Tenant // sorted by slug

	origins map[string]string           // where each value came from, by its full key
	presets map[string]map[string]value // by name and by a tenant's key
}

// The roles that a process can have.
const (
	RoleWeb       = "web"
	RoleWorker    = "worker"
	RoleScheduler = "scheduler"
)

// HasRole says whether the process has the role.
func (c Config) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// Tenant returns the tenant with the slug.
func (c Config) Tenant(slug string) (Tenant, bool) {
	for _, t := range c.Tenants {
		if t.Slug == slug {
			return t, true
		}
	}
	return Tenant{}, false
}

// Database says where the directory is stored.
type Database struct {
	URL      URL    // the password setting is already part of it
	Password Secret // as configured; use URL
	MaxConns int
}

// Redis says where the queue lives. With the mode "single" Load has taken
// Addresses, Username, Password, DB and TLS.Enabled from the URL, so that all three
// modes are read from the same fields.
type Redis struct {
	URL              URL
	Mode             string // RedisSingle, RedisSentinel or RedisCluster
	Addresses        []string
	MasterName       string
	Username         string
	Password         Secret
	SentinelUsername string
	SentinelPassword Secret
	DB               int
	TLS              RedisTLS
}

// The ways in which Redis can be reached.
const (
	RedisSingle   = "single"
	RedisSentinel = "sentinel"
	RedisCluster  = "cluster"
)

// Embedded says that the queue lives in this process.
func (r Redis) Embedded() bool { return r.Mode == RedisSingle && r.URL.Reveal() == embedded }

// RedisTLS says how the connection to Redis is protected.
type RedisTLS struct {
	Enabled    bool
	CAFile     string // PEM; empty: the system's authorities
	ServerName string // empty: the host that is connected to
}

// Server says how HTTP is served.
type Server struct {
	Listen            string
	PublicURL         string // where Okta reaches the service, without a trailing slash; may be empty
	TrustedProxies    []netip.Prefix
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	ShutdownGrace     time.Duration
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format string // LogJSON or LogText
}

// The formats of log lines.
const (
	LogJSON = "json"
	LogText = "text"
)

// Alerts says where alerts go.
type Alerts struct {
	Webhook AlertWebhook
	Mail    AlertMail
}

// AlertMail names who gets alerts by mail; nobody when empty.
type AlertMail struct {
	To []string
}

// Mail is the server that takes mail; none when Server is empty.
type Mail struct {
	Server   string // host:port
	TLS      string // MailSTARTTLS, MailTLS or MailPlain
	User     string // no sign-in when empty
	Password Secret
	From     string
	// LinkKeys sign the links in invites: the first one signs, all are believed.
	LinkKeys  []Secret
	Templates string // folder with the texts of invites; empty: the text that is built in
}

// The ways to protect the conversation with the mail server.
const (
	MailSTARTTLS = "starttls" // usually port 587
	MailTLS      = "tls"      // from the first byte, usually port 465
	MailPlain    = "none"
)

// AlertWebhook is the operator's own address for alerts; without URL none are sent.
type AlertWebhook struct {
	URL    URL    // its query may hold a key of the receiver's
	Secret Secret // whsec_<base64>
}

// API says who may use the admin API.
type API struct {
	Tokens []APIToken
}

// APIToken is a bearer token of the admin API, known by its hash alone.
type APIToken struct {
	Name   string
	SHA256 [32]byte
	Role   string // TokenRead, TokenOperate or TokenApprove
}

// The roles that a token can have. Each includes those before it.
const (
	TokenRead    = "read"
	TokenOperate = "operate"
	TokenApprove = "approve"
)

// Workers says how many tasks are worked on at the same time, by kind.
type Workers struct {
	Leavers int
	People  int
	Groups  int
	Bulk    int
	Upkeep  int
	// Deliveries is how many endpoints are delivered to at a time. It waits for receivers nearly all of its time.
	Deliveries int
}

// Total is the number of tasks that may each hold a connection to the database. A chore
// waits for Okta nearly all of its time and holds one for moments only.
func (w Workers) Total() int { return w.Leavers + w.People + w.Groups + w.Bulk }

// Queue says how the queue is watched.
type Queue struct {
	CheckInterval time.Duration
	SweepInterval time.Duration
}

// Encryption holds the keys for what is stored encrypted: 32 bytes each, in
// base64. The first one encrypts, all of them decrypt.
type Encryption struct {
	Keys []Secret
}

// Retention says how long finished records are kept.
type Retention struct {
	Inbox      time.Duration
	Runs       time.Duration
	Tombstones time.Duration
	Changes    time.Duration // zero: for ever
}
