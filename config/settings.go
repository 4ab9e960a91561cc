package config

import (
	"strings"
	"time"
)

// embedded is the Redis that runs inside the process.
const embedded = "embedded"

// setting describes one setting. The key of a tenant's setting is relative to the tenant.
type setting struct {
	key      string
	def      string // the default as it would be written; lists with commas
	doc      string
	fromFile bool // <key>_file and <NAME>_FILE name a file that holds the value
	field
}

// variable is the name of the environment variable, without the tenant's part.
func (s setting) variable() string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.key))
}

// byEnvironment says whether the environment can set it: lists of objects have no form there
// unless they have a short one.
func (s setting) byEnvironment() bool { return !s.object || s.list }

// settings lists the settings of the installation, in the order of the documentation.
func settings() []setting {
	c := func(t target) *Config { return t.config }
	return []setting{
		{
			key: "database.url", def: "sqlite:data/oktasync.db", fromFile: true,
			doc:   "Where the directory is stored: postgres://user@host:5432/name?sslmode=verify-full, or sqlite: followed by a path (sqlite:data/oktasync.db, sqlite:///var/lib/oktasync/oktasync.db). Several replicas need Postgres.",
			field: urlField(func(t target) *URL { return &c(t).Database.URL }, checkDatabaseURL),
		},
		{
			key: "database.password", fromFile: true,
			doc:   "The password for Postgres, so that it need not stand in the address. Leave it out when database.url has one.",
			field: secretField(func(t target) *Secret { return &c(t).Database.Password }, checkPassword),
		},
		{
			key: "database.max_conns", def: "25",
			doc:   "Connections to Postgres that one process may open. A worker needs one for each of its workers and 6 more for hooks, the API and the schedule. SQLite ignores it.",
			field: countField(func(t target) *int { return &c(t).Database.MaxConns }, 2, 1000),
		},
		{
			key: "redis.url", def: embedded, fromFile: true,
			doc:   "Where the queue lives: redis://host:6379/0, rediss:// for TLS, or embedded for a queue inside the process, which needs nothing else and loses nothing that matters, because waiting events are stored in the database. Several replicas need a real Redis.",
			field: urlField(func(t target) *URL { return &c(t).Redis.URL }, checkRedisURL),
		},
		{
			key: "redis.mode", def: RedisSingle,
			doc:   "How Redis is reached: a single server by redis.url, or Sentinel or Cluster by redis.addresses.",
			field: choiceField(func(t target) *string { return &c(t).Redis.Mode }, RedisSingle, RedisSentinel, RedisCluster),
		},
		{
			key:   "redis.addresses",
			doc:   "host:port of the sentinels or of some nodes of the cluster.",
			field: listField(func(t target) *[]string { return &c(t).Redis.Addresses }, 50, checkHostPort),
		},
		{
			key:   "redis.master_name",
			doc:   "The name under which the sentinels know the server.",
			field: textField(func(t target) *string { return &c(t).Redis.MasterName }, nil),
		},
		{
			key:   "redis.username",
			doc:   "The ACL user. Leave it out when redis.url has one.",
			field: textField(func(t target) *string { return &c(t).Redis.Username }, nil),
		},
		{
			key: "redis.password", fromFile: true,
			doc:   "The password for Redis. Leave it out when redis.url has one.",
			field: secretField(func(t target) *Secret { return &c(t).Redis.Password }, checkPassword),
		},
		{
			key:   "redis.sentinel_username",
			doc:   "The ACL user of the sentinels themselves.",
			field: textField(func(t target) *string { return &c(t).Redis.SentinelUsername }, nil),
		},
		{
			key: "redis.sentinel_password", fromFile: true,
			doc:   "The password of the sentinels themselves.",
			field: secretField(func(t target) *Secret { return &c(t).Redis.SentinelPassword }, checkPassword),
		},
		{
			key: "redis.db", def: "0",
			doc:   "The number of the database inside Redis. A cluster has only 0. A number in redis.url wins over the default.",
			field: countField(func(t target) *int { return &c(t).Redis.DB }, 0, 1023),
		},
		{
			key: "redis.tls.enabled", def: "false",
			doc:   "Speak TLS with Sentinel or Cluster. With redis.url write rediss:// instead.",
			field: switchField(func(t target) *bool { return &c(t).Redis.TLS.Enabled }),
		},
		{
			key:   "redis.tls.ca_file",
			doc:   "A PEM file with the authorities that sign Redis' certificate. Without it the system's are used.",
			field: textField(func(t target) *string { return &c(t).Redis.TLS.CAFile }, nil),
		},
		{
			key:   "redis.tls.server_name",
			doc:   "The name that Redis' certificate carries, when it is not the host's.",
			field: textField(func(t target) *string { return &c(t).Redis.TLS.ServerName }, checkHost),
		},
		{
			key: "server.listen", def: "127.0.0.1:8080",
			doc:   "Address and port for hooks, the admin API, health and metrics. In a container use 0.0.0.0:8080.",
			field: textField(func(t target) *string { return &c(t).Server.Listen }, checkListen),
		},
		{
			key:   "server.public_url",
			doc:   "The https address at which Okta reaches the service, without a path, such as https://sync.example.com. It is used to check the event hook's address.",
			field: textField(func(t target) *string { return &c(t).Server.PublicURL }, checkPublicURL),
		},
		{
			key:   "server.trusted_proxies",
			doc:   "Networks (CIDR) of the proxies in front of the service. Only from these is X-Forwarded-For believed.",
			field: proxiesField(),
		},
		{
			key: "server.read_header_timeout", def: "5s",
			doc:   "How long a client may take to send the headers of a request.",
			field: durationField(func(t target) *time.Duration { return &c(t).Server.ReadHeaderTimeout }, 100*time.Millisecond, time.Minute),
		},
		{
			key: "server.read_timeout", def: "15s",
			doc:   "How long a client may take to send a whole request.",
			field: durationField(func(t target) *time.Duration { return &c(t).Server.ReadTimeout }, 100*time.Millisecond, 10*time.Minute),
		},
		{
			key: "server.write_timeout", def: "30s",
			doc:   "How long a request may take until its answer is written.",
			field: durationField(func(t target) *time.Duration { return &c(t).Server.WriteTimeout }, time.Second, 10*time.Minute),
		},
		{
			key: "server.idle_timeout", def: "2m",
			doc:   "How long an unused connection is kept open.",
			field: durationField(func(t target) *time.Duration { return &c(t).Server.IdleTimeout }, time.Second, time.Hour),
		},
		{
			key: "server.shutdown_grace", def: "20s",
			doc:   "How long running requests and tasks may take to finish after the signal to stop. What is not finished by then is done again after the next start. Let the container's own limit be longer.",
			field: durationField(func(t target) *time.Duration { return &c(t).Server.ShutdownGrace }, time.Second, 10*time.Minute),
		},
		{
			key: "roles", def: "scheduler,web,worker",
			doc:   "What this process does: web answers hooks and the API, worker reads Okta and writes the directory, scheduler starts the nightly sync and sweeps up what was missed.",
			field: listField(func(t target) *[]string { return &c(t).Roles }, 3, oneOf(RoleWeb, RoleWorker, RoleScheduler)),
		},
		{
			key: "log.level", def: "info",
			doc:   "The least important lines that are written.",
			field: levelField(logLevel),
		},
		{
			key: "log.format", def: LogJSON,
			doc:   "JSON for machines, text for people.",
			field: choiceField(func(t target) *string { return &c(t).Log.Format }, LogJSON, LogText),
		},
		{
			key:   "api.tokens",
			doc:   "Who may use the admin API: a name, which appears in the history, the SHA-256 of the bearer token, and a role: read looks at everything, operate (the default) also asks for syncs and dry runs and deals with the archive, approve also decides about plans that wait. \"oktasync token\" makes a token and its hash. In the environment: name:sha256:role,name:sha256. Without any token the admin API refuses everybody.",
			field: tokensField(),
		},
		{
			key:   "alerts.webhook.url",
			doc:   "The address to which alerts are posted, such as https://ops.example.com/hooks/oktasync, signed as the Standard Webhooks specification says. Without it alerts are in the log and the metrics alone.",
			field: urlField(func(t target) *URL { return &c(t).Alerts.Webhook.URL }, checkAlertURL),
		},
		{
			key: "alerts.webhook.secret", fromFile: true,
			doc:   "The secret that signs alerts: whsec_ and 24 to 64 bytes in base64, for example from: echo whsec_$(openssl rand -base64 32).",
			field: secretField(func(t target) *Secret { return &c(t).Alerts.Webhook.Secret }, checkAlertSecret),
		},
		{
			key:   "alerts.mail.to",
			doc:   "Who gets alerts by mail, each a message of their own. It takes mail.server and mail.from.",
			field: listField(func(t target) *[]string { return &c(t).Alerts.Mail.To }, 20, checkMailbox),
		},
		{
			key:   "mail.server",
			doc:   "The server that takes mail, as host:port, such as smtp.example.com:587.",
			field: textField(func(t target) *string { return &c(t).Mail.Server }, checkHostPort),
		},
		{
			key: "mail.tls", def: MailSTARTTLS,
			doc:   "How the conversation with it is protected: starttls (usually port 587; without it nothing is sent), tls from the first byte (usually port 465), or none. Its certificate is checked; for one of your own authority name that with SSL_CERT_FILE.",
			field: choiceField(func(t target) *string { return &c(t).Mail.TLS }, MailSTARTTLS, MailTLS, MailPlain),
		},
		{
			key:   "mail.user",
			doc:   "The user to sign in as. Without it nobody signs in.",
			field: textField(func(t target) *string { return &c(t).Mail.User }, nil),
		},
		{
			key: "mail.password", fromFile: true,
			doc:   "The password of mail.user. It is never sent unprotected.",
			field: secretField(func(t target) *Secret { return &c(t).Mail.Password }, checkPassword),
		},
		{
			key:   "mail.from",
			doc:   "The sender's address, such as oktasync@example.com.",
			field: textField(func(t target) *string { return &c(t).Mail.From }, checkMailbox),
		},
		{
			key:   "deliver.allow",
			doc:   "Receivers of webhooks (docs/webhooks.md) inside of your own network: a host name, an address or a network (CIDR), each with a port behind a colon or for all ports, such as app.internal:8443, 10.1.2.0/24 or [fd00::1]:8080. Only to these goes what is not https, and only to these and to public addresses goes anything.",
			field: receiversField(),
		},
		{
			key: "deliver.parallel", def: "8",
			doc:   "Requests at the same time to one endpoint. What is about one person never is at the same time.",
			field: countField(func(t target) *int { return &c(t).Deliver.Parallel }, 1, 128),
		},
		{
			key: "mail.link_keys", fromFile: true,
			doc:   "Keys that sign the links in invites: 32 bytes in base64 each, from \"oktasync keys new\". The first one signs, both are believed, so that a key can be replaced. Needed to mail invites (docs/invites.md).",
			field: secretsField(func(t target) *[]Secret { return &c(t).Mail.LinkKeys }, 2, checkEncryptionKey),
		},
		{
			key:   "mail.templates",
			doc:   "A folder with the texts of invites, by language and, in folders of their own, by tenant (docs/invites.md). Without it an English text is used.",
			field: textField(func(t target) *string { return &c(t).Mail.Templates }, nil),
		},
		{
			key: "workers.leavers", def: "4",
			doc:   "Tasks at the same time that are reserved for people who lose access.",
			field: countField(func(t target) *int { return &c(t).Workers.Leavers }, 1, 100),
		},
		{
			key: "workers.people", def: "8",
			doc:   "Tasks at the same time for all other people. Half of them are for what tenants send beyond their share (docs/tenants.md).",
			field: countField(func(t target) *int { return &c(t).Workers.People }, 1, 200),
		},
		{
			key: "workers.groups", def: "3",
			doc:   "Tasks at the same time for groups and their members.",
			field: countField(func(t target) *int { return &c(t).Workers.Groups }, 1, 100),
		},
		{
			key: "workers.bulk", def: "2",
			doc:   "Full syncs at the same time, one for each tenant.",
			field: countField(func(t target) *int { return &c(t).Workers.Bulk }, 1, 50),
		},
		{
			key: "workers.upkeep", def: "4",
			doc:   "Recurring chores at the same time, such as reading the System Log: each takes a second or two, once a minute for each tenant.",
			field: countField(func(t target) *int { return &c(t).Workers.Upkeep }, 1, 50),
		},
		{
			key: "workers.deliveries", def: "16",
			doc:   "Endpoints that are delivered to at the same time. As many again are there for receivers that answer slowly or not at all, so that these delay nobody else.",
			field: countField(func(t target) *int { return &c(t).Workers.Deliveries }, 1, 200),
		},
		{
			key: "queue.check_interval", def: "50ms",
			doc:   "How often an idle worker looks into the queue. An event waits up to this long; a short interval costs Redis commands.",
			field: durationField(func(t target) *time.Duration { return &c(t).Queue.CheckInterval }, 5*time.Millisecond, 10*time.Second),
		},
		{
			key: "queue.sweep_interval", def: "5s",
			doc:   "How often the scheduler looks for stored events that have no task, because Redis was away or was emptied, and queues them again.",
			field: durationField(func(t target) *time.Duration { return &c(t).Queue.SweepInterval }, time.Second, 10*time.Minute),
		},
		{
			key: "retention.inbox", def: "30d",
			doc:   "How long received events are kept after they were worked on. An event that arrives again within this time is recognised.",
			field: durationField(func(t target) *time.Duration { return &c(t).Retention.Inbox }, day, 10*365*day),
		},
		{
			key: "retention.runs", def: "90d",
			doc:   "How long the record of a finished sync is kept.",
			field: durationField(func(t target) *time.Duration { return &c(t).Retention.Runs }, day, 10*365*day),
		},
		{
			key: "retention.tombstones", def: "90d",
			doc:   "How long it is remembered that a person or group was removed, so that an old read cannot bring it back.",
			field: durationField(func(t target) *time.Duration { return &c(t).Retention.Tombstones }, 7*day, 10*365*day),
		},
		{
			key: "retention.changes", def: forever,
			doc:   "How long the history of changes is kept, or forever. A consumer of the feed that stays away for longer starts over from a snapshot.",
			field: keepField(func(t target) *time.Duration { return &c(t).Retention.Changes }, 7*day, 10*365*day),
		},
		{
			key: "encryption.keys", fromFile: true,
			doc:   "Keys for the credentials of the tenants that the API manages, which are stored encrypted: 32 bytes in base64 each, from \"oktasync keys new\". The first one encrypts, all of them decrypt, so that a key can be replaced. Without a key there are only the tenants of this configuration.",
			field: secretsField(func(t target) *[]Secret { return &c(t).Encryption.Keys }, 5, checkEncryptionKey),
		},
	}
}
