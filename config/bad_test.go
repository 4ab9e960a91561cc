package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadFiles(t *testing.T) {
	t.Parallel()
	good := oktaBlock + hookBlock
	tests := []struct {
		name, content string
		want          []string
	}{
		// The file itself.
		{"brackets", "a: [1", []string{"c.yml:1:4: is not valid YAML: sequence end token ']' not found"}},
		{"tab", "okta:\n\turl: x\n", []string{"c.yml:2:1: is not valid YAML: found character '\t' that cannot start any token"}},
		{"quotes", `log: "info`, []string{"c.yml:1:6: is not valid YAML: could not find end character of double-quoted text"}},
		{"a list", "- a\n- b\n", []string{`c.yml:1:1: is not a list of settings; begin with a line such as "okta:"`}},
		{"two documents", good + "---\nlog: {level: info}\n", []string{"c.yml:4:1: holds a second document; keep one and remove the line ---"}},
		{"alias", "roles: *all\n", []string{"c.yml:1:8: the alias has no anchor before it; put a value that begins with * in quotes"}},
		{"merge key", good + "log:\n  <<: {level: info}\n", []string{"c.yml:4:3: the key is not a plain word; merge keys (<<) and complex keys are not supported"}},
		{"tag", good + "roles: !!set {web}\n", []string{"c.yml:3:8: uses a part of YAML that a configuration does not need (tag)"}},
		{"empty", "# nothing\n", []string{"okta: no tenant is configured; set okta.url, okta.token, okta.app_id and hook.secrets, or the same below tenants.<slug>; or set encryption.keys, to add tenants by the API"}},

		// Keys.
		{"unknown section", good + "serber: {listen: ':1'}\n", []string{"serber (c.yml:3:1): there is no such setting; did you mean server?"}},
		{"unknown key", good + "server:\n  lisen: ':1'\n", []string{"server.lisen (c.yml:4:3): there is no such setting; did you mean server.listen?"}},
		{"key of another section", good + "rate_share: 0.5\n", []string{"rate_share (c.yml:3:1): there is no such setting; did you mean okta.rate_share?"}},
		{"nothing like it", good + "log: {zzzzzz: 1}\n", []string{"log.zzzzzz (c.yml:3:7): there is no such setting; allowed here are format, level"}},
		{"hostile key", good + "\"a\\u001b[2J\": 1\n", []string{`"a\x1b[2J" (c.yml:3:1): there is no such setting; allowed here are alerts, api, custom_fields, database, deliver, deprovision, encryption, groups, hook, invites, license_caps, license_pools, limits, log, mail, managers, mapping, nightly, okta, owned, preset, presets, protected, queue, redis, required, retention, role_sets, roles, rule_groups, server, teams, tenants, unique, workers`}},
		{"key twice", good + "log: {level: info, level: warn}\n", []string{"log.level (c.yml:3:20): is given twice; remove one"}},
		{"section twice", good + "log: {level: info}\nlog: {format: text}\n", []string{"log (c.yml:4:1): is given twice; remove one"}},
		{"value for a section", good + "log: info\n", []string{"log (c.yml:3:6): is a group of settings; write them indented on the lines below"}},
		{"list for a value", good + "log: {level: [info]}\n", []string{"log.level (c.yml:3:14): is not a single value; give one text or number"}},
		{"group for a list", good + "roles: {web: true}\n", []string{"roles (c.yml:3:8): is a group of settings; give a list, such as [a, b]"}},

		// Single values.
		{"number", good + "workers: {people: many}\n", []string{`workers.people (c.yml:3:19): "many" is not a whole number from 1 to 200`}},
		{"number out of range", good + "workers: {people: 0}\n", []string{`workers.people (c.yml:3:19): "0" is not a whole number from 1 to 200`}},
		{"duration", good + "retention: {inbox: forever}\n", []string{`retention.inbox (c.yml:3:20): "forever" is not a duration; give a number with a unit, such as 50ms, 30s, 15m, 12h or 30d`}},
		{"duration out of range", good + "retention: {inbox: 5m}\n", []string{`retention.inbox (c.yml:3:20): 5m is out of range; give a duration from 1d to 3650d`}},
		{"switch", strings.Replace(good, "{url", "{allow_http: yes, url", 1), []string{`okta.allow_http (c.yml:1:20): "yes" is neither true nor false`}},
		{"fraction", strings.Replace(good, "{url", "{rate_share: 50%, url", 1), []string{`okta.rate_share (c.yml:1:20): "50%" is not a fraction from 0.01 to 1, such as 0.5`}},
		{"a grace that ends too late", good + "deprovision: {policy: delete, grace: 90d}\n", []string{`deprovision.grace (c.yml:3:38): 90d is not shorter than retention.tombstones (90d), after which it is no longer known who left; choose a shorter grace or a longer retention`}},
		{"a manager by a linked object that is not named", good + "managers: {resolve: [okta_id, linked_object]}\n", []string{`managers.resolve (c.yml:3:21): linked_object needs to know which; set mapping.manager_link to link.<name>, with the name of the primary relationship, such as link.manager`}},
		{"a linked object that is not used", good + "mapping: {manager_link: link.manager}\n", []string{`mapping.manager_link.from (c.yml:3:25): it is read, a call to Okta for each person, and not used; add linked_object to managers.resolve, or remove it`}},
		{"a role by linked object", good + "role_sets: [{set: access, roles: [a], rules: [{name: r, role: a, attribute: link.manager, equals: [x]}]}]\n", []string{`role_sets (c.yml:3:12): line 3: attribute: "link.manager" is not an attribute; give user.<name> from the Okta profile or app.<name> from the app's profile`}},
		{"a way to find managers that does not exist", good + "managers: {resolve: nick, mode: native}\n", []string{
			`managers.mode (c.yml:3:33): "native" is not known; give one of override, individual, first_member`,
			`managers.resolve (c.yml:3:21): "nick" is not known; give one of okta_id, login, email, employee_number, display_name, linked_object`,
		}},
		{"a policy that does not exist", good + "deprovision: {policy: forget}\n", []string{`deprovision.policy (c.yml:3:23): "forget" is not known; give one of deactivate, remove_from_team, delete`}},
		{"not a number", good + "limits: {people: {fraction: NaN}}\n", []string{`limits.people.fraction (c.yml:3:29): "NaN" is not a fraction from 0 to 1, such as 0.5`}},
		{"listen", good + "server: {listen: '8080'}\n", []string{`server.listen (c.yml:3:18): "8080" is not an address to listen on; give host:port, such as 127.0.0.1:8080 or 0.0.0.0:8080`}},
		{"public url", good + "server: {public_url: 'http://sync.example.com'}\n", []string{`server.public_url (c.yml:3:22): "http://sync.example.com" is not https; Okta delivers event hooks to https addresses only`}},
		{"public url with path", good + "server: {public_url: 'https://sync.example.com/webhooks/okta'}\n", []string{`server.public_url (c.yml:3:22): "https://sync.example.com/webhooks/okta" has something after the host; did you mean https://sync.example.com?`}},
		{"proxies", good + "server: {trusted_proxies: [10.1.2.3/8, nginx, 0.0.0.0/0]}\n", []string{
			`server.trusted_proxies (c.yml:3:27): "10.1.2.3/8" has bits outside the network; did you mean 10.0.0.0/8?`,
			`server.trusted_proxies (c.yml:3:27): "nginx" is not a network; give one in CIDR form, such as 10.0.0.0/8`,
			`server.trusted_proxies (c.yml:3:27): "0.0.0.0/0" trusts every sender; name only the networks of your proxies`,
		}},
		{"timeouts", good + "server: {read_timeout: 2s}\n", []string{"server.read_header_timeout: 5s is longer than server.read_timeout (2s), which contains it"}},
		{"role", good + "roles: [web, wroker]\n", []string{`roles (c.yml:3:8): "wroker" is not known; give one of web, worker, scheduler; did you mean worker?`}},
		{"no roles", good + "roles: []\n", []string{"roles (c.yml:3:8): is empty; give at least one of web, worker, scheduler"}},
		{"roles without a shared queue", good + "roles: [worker]\n", []string{"roles (c.yml:3:8): worker alone cannot work with redis.url embedded, whose queue no other process sees; give all three roles, or a redis:// address"}},

		// Storage.
		{"database kind", good + "database: {url: 'mysql://h/d'}\n", []string{"database.url (c.yml:3:17): is for a kind of database that is not supported; give postgres://user@host:5432/name or sqlite:path/to/file.db"}},
		{"database name", good + "database: {url: 'postgres://h'}\n", []string{"database.url (c.yml:3:17): does not end with the name of one database; give postgres://user@host:5432/name or sqlite:path/to/file.db"}},
		{"sqlite slashes", good + "database: {url: 'sqlite://data/o.db'}\n", []string{"database.url (c.yml:3:17): has two slashes, after which a host would come; give sqlite: and a path, such as sqlite:data/oktasync.db or sqlite:///var/lib/oktasync/oktasync.db"}},
		{"sqlite in memory", good + "database: {url: 'sqlite::memory:'}\n", []string{"database.url (c.yml:3:17): is kept in memory and would be lost; give sqlite: and a path, such as sqlite:data/oktasync.db or sqlite:///var/lib/oktasync/oktasync.db"}},
		{"too few connections", good + "database: {url: 'postgres://h/d', max_conns: 10}\n", []string{"database.max_conns (c.yml:3:46): 10 are too few for 17 workers; give at least 23, or fewer workers"}},
		{"too many workers", good + "database: {url: 'postgres://h/d'}\nworkers: {people: 50}\n", []string{"database.max_conns: 25 are too few for 59 workers; give at least 65, or fewer workers"}},
		{"password twice", good + "database: {url: 'postgres://u:first1st@h/d', password: second2nd}\n", []string{"database.password (c.yml:3:56): is set, but database.url has a password as well; remove one"}},
		{"password for sqlite", good + "database: {password: second2nd}\n", []string{"database.password (c.yml:3:22): is set, but SQLite has no password; remove it, or set database.url to a postgres:// address"}},
		{"redis kind", good + "redis: {url: 'http://h'}\n", []string{"redis.url (c.yml:3:14): is not the address of a Redis; give redis://host:6379/0, rediss://host:6379/0 or embedded"}},
		{"redis database", good + "redis: {url: 'redis://h/x'}\n", []string{"redis.url (c.yml:3:14): does not end with the number of a database; give redis://host:6379/0, rediss://host:6379/0 or embedded"}},
		{"sentinel without name", good + "redis: {mode: sentinel}\n", []string{
			"redis.master_name: is missing; give the name under which the sentinels know the server, often mymaster",
			"redis.addresses: is missing; redis.mode sentinel needs host:port of at least one node",
		}},
		{"cluster with url", good + "redis: {mode: cluster, url: 'redis://h', addresses: ['a:1'], db: 2}\n", []string{
			"redis.db (c.yml:3:66): 2 does not exist in a cluster, which has only 0",
			"redis.url (c.yml:3:29): has no effect while Redis is used as cluster; remove it, or change redis.mode or redis.url",
		}},
		{"password without redis", good + "redis: {password: hunter2hunter2}\n", []string{"redis.password (c.yml:3:19): has no effect while Redis is used as embedded; remove it, or change redis.mode or redis.url"}},
		{"ca file", good + "redis: {url: 'rediss://h', tls: {ca_file: ca.pem}}\n", []string{`redis.tls.ca_file (c.yml:3:43): can't read "ca.pem": there is no such file`}},
		{"ca file without tls", good + "redis: {url: 'redis://h', tls: {ca_file: ca.pem}}\n", []string{"redis.tls.ca_file (c.yml:3:42): is set, but the connection is not protected; write rediss:// in redis.url, or redis.tls.enabled: true"}},

		// The API.
		{"token hash", good + "api: {tokens: [{name: ops, sha256: abc}]}\n", []string{`api.tokens (c.yml:3:15): entry 1: sha256 is not the hash of a token: it has 64 hexadecimal digits; "oktasync token" prints one`}},
		{"token form", good + "api: {tokens: [abc]}\n", []string{"api.tokens (c.yml:3:15): entry 1: is not of the form { name: …, sha256: …, role: … }"}},
		{"tokens form", good + "api: {tokens: abc}\n", []string{"api.tokens (c.yml:3:15): is not a list; write each entry on a line that begins with a hyphen"}},
		{"token twice", good + "api:\n  tokens:\n    - {name: a, sha256: " + hash + "}\n    - {name: b, sha256: " + hash + "}\n", []string{`api.tokens (c.yml:5:5): entry 2: "a" and "b" have the same sha256; make a token for each`}},
		{"alert secret", good + "alerts: {webhook: {url: 'https://ops.example', secret: TOPSECRET}}\n", []string{`alerts.webhook.secret (c.yml:3:56): does not begin with whsec_; make one with: echo whsec_$(openssl rand -base64 32)`}},
		{"short alert secret", good + "alerts: {webhook: {url: 'https://ops.example', secret: whsec_QUJD}}\n", []string{`alerts.webhook.secret (c.yml:3:56): has 3 bytes; 24 to 64 are needed; make one with: echo whsec_$(openssl rand -base64 32)`}},
		{"alert without secret", good + "alerts: {webhook: {url: 'https://ops.example'}}\n", []string{`alerts.webhook.secret: is missing; alerts are never sent without a signature`}},
		{"alert address", good + "alerts: {webhook: {url: 'ops.example'}}\n", []string{`alerts.webhook.url (c.yml:3:25): is not an address; give one such as https://ops.example.com/hooks/oktasync`}},
		{"alert mailbox", good + "alerts: {mail: {to: ['Ops <ops@example.com>']}}\n", []string{`alerts.mail.to (c.yml:3:21): "Ops <ops@example.com>" is not a mail address; give one such as ops@example.com`}},
		{"alert mail without server", good + "alerts: {mail: {to: [ops@example.com]}}\n", []string{`mail.server: is missing, but alerts.mail.to is set; give the server that takes mail`, `mail.from: is missing, but alerts.mail.to is set; give the sender's address`}},
		{"mail without password", good + "mail: {server: 'smtp.example.com:587', user: ops}\n", []string{`mail.password: is missing, but mail.user is set; give it, or remove the user`}},
		{"mail password in the clear", good + "mail: {server: 'smtp.example.com:25', tls: none, user: ops, password: TOPSECRET}\n", []string{`mail.tls (c.yml:3:44): is none, but mail.password is set: it would be sent for anybody to read; choose starttls or tls`}},
		{"token role", good + "api: {tokens: [{name: a, sha256: " + hash + ", role: aprove}]}\n", []string{`api.tokens (c.yml:3:15): entry 1: role: "aprove" is not known; give one of read, operate, approve; did you mean approve?`}},
		{"token key", good + "api: {tokens: [{nmae: a}]}\n", []string{`api.tokens (c.yml:3:15): entry 1: "nmae" is not known here; allowed are name, sha256, role; did you mean name?`}},

		// Okta.
		{"admin url", oktaWith("url: https://acme-admin.okta.com"), []string{`okta.url (c.yml:1:13): "https://acme-admin.okta.com" is the admin console; did you mean https://acme.okta.com?`}},
		{"admin url of another cell", oktaWith("url: https://acme-admin.okta-emea.com"), []string{`okta.url (c.yml:1:13): "https://acme-admin.okta-emea.com" is the admin console; did you mean https://acme.okta-emea.com?`}},
		{"trailing slash", oktaWith("url: https://acme.okta.com/"), []string{`okta.url (c.yml:1:13): "https://acme.okta.com/" has something after the host; did you mean https://acme.okta.com?`}},
		{"http", oktaWith("url: http://acme.okta.com"), []string{`okta.url (c.yml:1:13): "http://acme.okta.com" is not https, and the token would be readable on the way; did you mean https://acme.okta.com?`}},
		{"http elsewhere though allowed", oktaWith("allow_http: true, url: http://acme.okta.com"), []string{`okta.url (c.yml:1:31): "http://acme.okta.com" is not https, and the token would be readable on the way; did you mean https://acme.okta.com?`}},
		{"http here", oktaWith("url: 'http://127.0.0.1:9000'"), []string{`okta.url (c.yml:1:13): "http://127.0.0.1:9000" is not https; for an emulated Okta on this machine set okta.allow_http: true`}},
		{"no scheme", oktaWith("url: acme.okta.com"), []string{`okta.url (c.yml:1:13): "acme.okta.com" has no scheme; did you mean https://acme.okta.com?`}},
		{"example url", oktaWith("url: 'https://{yourOktaDomain}'"), []string{"okta.url (c.yml:1:13): is not an address, or holds a user name; give the org's address alone, such as https://acme.okta.com"}},
		{"url with password", oktaWith("url: 'https://u:topsecret@acme.okta.com'"), []string{"okta.url (c.yml:1:13): is not an address, or holds a user name; give the org's address alone, such as https://acme.okta.com"}},
		{"domain twice", oktaWith("url: 'https://acme.okta.com.com'"), []string{`okta.url (c.yml:1:13): "https://acme.okta.com.com" ends in .com twice; did you mean https://acme.okta.com?`}},
		{"app id", strings.Replace(good, "0oa1appAPPAPPAPPx5d7", "acme_app_1", 1), []string{`okta.app_id (c.yml:1:75): "acme_app_1" is not the id of an app: it begins with 0oa and has 20 letters and digits`}},
		{"nothing of okta", hookBlock, []string{
			"okta.url: is missing; give the org's address, such as https://acme.okta.com",
			"okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
			"okta.app_id: is missing; give the id of the Okta app that stands for the product (0oa…)",
		}},
		{"token with word", strings.Replace(good, "token: 00", "token: SSWS 00", 1), []string{"okta.token (c.yml:1:43): begins with the word SSWS; give the token alone"}},
		{"placeholder token", strings.Replace(good, "00abcdefghijklmnopqrst", "<your-token>", 1), []string{"okta.token (c.yml:1:43): looks like a placeholder; put the API token from Okta here"}},
		{"token and client", oktaWith("url: https://acme.okta.com, client_id: 0oa1clientCLIENT0x5d7"), []string{"okta.token (c.yml:1:77): is given together with okta.client_id; choose one way to authenticate and remove the other"}},
		{"client without key", "okta: {url: https://acme.okta.com, client_id: 0oa1clientCLIENT0x5d7, app_id: 0oa1appAPPAPPAPPx5d7}\n" + hookBlock, []string{"okta.private_key: is missing; okta.client_id needs the service app's private key"}},
		{"scope", oktaWith("url: https://acme.okta.com, scopes: [users.read]"), []string{`okta.scopes (c.yml:1:44): "users.read" is not a scope; give one such as okta.users.read`}},

		// The hook.
		{"no hook secret", oktaBlock, []string{`hook.secrets: is missing; make one, for example with "openssl rand -hex 32", and enter the same in Okta`}},
		{"short hook secret", oktaBlock + "hook: {secrets: [short]}\n", []string{
			"hook.secrets (c.yml:2:17): has 5 characters; give at least 16, for example from: openssl rand -hex 32",
		}},
		{"placeholder hook secret", oktaBlock + "hook: {secrets: changeme-changeme-changeme}\n", []string{"hook.secrets (c.yml:2:17): looks like a placeholder; make one, for example with: openssl rand -hex 32"}},
		{"three hook secrets", oktaBlock + "hook: {secrets: [abcdefghijklmnop1, abcdefghijklmnop2, abcdefghijklmnop3]}\n", []string{"hook.secrets (c.yml:2:17): has 3 secrets; give one, or up to 2 while you replace the old one"}},
		{"the same secret twice", oktaBlock + "hook: {secrets: [abcdefghijklmnop1, abcdefghijklmnop1]}\n", []string{"hook.secrets (c.yml:2:17): holds the same secret twice; remove one"}},
		{"hook header", oktaBlock + "hook: {secrets: [abcdefghijklmnop1], header: 'X Secret:'}\n", []string{`hook.header (c.yml:2:46): "X Secret:" is not the name of a header; give one such as Authorization`}},
		{"hook host", oktaBlock + "hook: {secrets: [abcdefghijklmnop1], hosts: ['https://acme.example.com/']}\n", []string{`hook.hosts (c.yml:2:45): "https://acme.example.com/" is not a host name; leave out https://, port and path`}},

		// The schedule.
		{"hour", good + "nightly: {at: '25:00'}\n", []string{`nightly.at (c.yml:3:15): "25:00" is not a schedule; give a time such as 03:00, a cron expression of five fields such as "0 3 * * 1-5", or never`}},
		{"every hour", good + "nightly: {at: '0 * * * *'}\n", []string{`nightly.at (c.yml:3:15): "0 * * * *" fires more than once a day; the full sync runs once for each date`}},
		{"30 February", good + "nightly: {at: '0 3 30 2 *'}\n", []string{`nightly.at (c.yml:3:15): "0 3 30 2 *" never fires; write never if that is meant`}},
		{"time zone", good + "nightly: {at: 'TZ=Europe/Paris 0 3 * * *'}\n", []string{`nightly.at (c.yml:3:15): names a time zone; times are in UTC; give a time such as 03:00, a cron expression of five fields such as "0 3 * * 1-5", or never`}},
		{"time zone that trips the parser", good + "nightly: {at: 'TZ=0'}\n", []string{`nightly.at (c.yml:3:15): names a time zone; times are in UTC; give a time such as 03:00, a cron expression of five fields such as "0 3 * * 1-5", or never`}},
		{"cron field", good + "nightly: {at: '0 3 * * 9'}\n", []string{`nightly.at (c.yml:3:15): "0 3 * * 9" is not a schedule (end of range (9) above maximum (6): 9); give a time such as 03:00, a cron expression of five fields such as "0 3 * * 1-5", or never`}},

		// Rules.
		{"mapped field", good + "mapping: {titel: user.title}\n", []string{"mapping.titel (c.yml:3:11): there is no such setting; did you mean mapping.title?"}},
		{"attribute", good + "mapping: {title: title}\n", []string{`mapping.title.from (c.yml:3:18): "title" is not an attribute; give user.<name> from the Okta profile or app.<name> from the app's profile`}},
		{"key of a mapping", good + "mapping: {title: {form: user.title}}\n", []string{"mapping.title.form (c.yml:3:19): there is no such setting; did you mean mapping.title.from?"}},
		{"attribute twice", good + "mapping: {title: [user.title, user.title]}\n", []string{`mapping.title.from (c.yml:3:18): "user.title" is listed twice; remove one`}},
		{"custom type", good + "custom_fields: [{name: a, type: dates, from: user.a}]\n", []string{`custom_fields (c.yml:3:16): entry 1: type: "dates" is not known; give one of text, number, boolean, date, list, choice; did you mean date?`}},
		{"custom name", good + "custom_fields: [{name: 'a b', from: user.a}]\n", []string{`custom_fields (c.yml:3:16): entry 1: "a b" is not a name; give 1 to 63 letters, digits or underscores, beginning with a letter`}},
		{"custom field that is none", good + "custom_fields: [{name: title, from: user.a}]\n", []string{"custom_fields (c.yml:3:16): entry 1: title is a profile field; map it under mapping.title"}},
		{"custom field twice", good + "custom_fields:\n  - {name: a, from: user.a}\n  - {name: a, from: user.b}\n", []string{`custom_fields (c.yml:4:3): entry 2: the name "a" is used twice; remove one`}},
		{"custom field from nothing", good + "custom_fields: [{name: a}]\n", []string{"custom_fields (c.yml:3:16): entry 1: from is missing; name the attribute that holds a, such as user.a, or list custom.a under owned"}},
		{"required field", good + "required: [e_mail]\n", []string{`required (c.yml:3:11): "e_mail" is not known; give one of first_name, last_name, email, login, picture, title, language, location, department, employee_number, manager_id_text, manager_text, manager_link; did you mean email?`}},
		{"required but mapped from nothing", good + "mapping: {email: []}\n", []string{"required: email is required but mapped from nothing, so that everybody would be in quarantine; set mapping.email"}},
		{"unique with default", good + "unique: [email]\nmapping: {email: {default: nobody@example.com}}\n", []string{"unique (c.yml:3:9): email must be unique but has a default, which two people could share; remove mapping.email.default"}},
		{"unique field", good + "unique: [title]\n", []string{`unique (c.yml:3:9): "title" is not known; give one of email, login, employee_number`}},
		{"team from nothing", good + "mapping: {department: []}\n", []string{"teams.from: department is mapped from nothing, so that nobody would have a team; set mapping.department, or leave it out"}},
		{"group id", good + "groups: {ids: [Sales]}\n", []string{`groups.ids (c.yml:3:15): "Sales" is not the id of a group: it begins with 00g and has 20 letters and digits; names go under groups.names`}},
		{"group type", good + "groups: {types: [okta_group]}\n", []string{`groups.types (c.yml:3:17): "okta_group" is not known; give one of OKTA_GROUP, APP_GROUP, BUILT_IN`}},
		{"group pattern for everything", good + "groups: {names: ['*']}\n", []string{`groups.names (c.yml:3:17): "*" fits every group; if that is meant, write groups.types: [OKTA_GROUP, APP_GROUP, BUILT_IN]`}},
		{"no group left", good + "groups: {exclude: ['Temp *', '?*']}\n", []string{`groups.exclude (c.yml:3:19): "?*" leaves every group out; if that is meant, write groups.types: [] and no ids or names`}},
		{"groups assigned to what", good + "groups: {assigned: 0oa1}\n", []string{`groups.assigned (c.yml:3:20): "0oa1" is neither true nor false`}},
		{"group pattern", good + "groups: {names: ['Team [']}\n", []string{`groups.names (c.yml:3:17): "Team [" is not a pattern; use * for any characters and ? for one`}},

		// Several tenants.
		{"slug", "tenants:\n  Acme: {}\n", []string{"tenants.Acme (c.yml:2:3): is not a slug: it has 1 to 63 small letters, digits and hyphens, and does not begin with a hyphen"}},
		{"tenant twice", tenants("a", "") + strings.TrimPrefix(tenants("a", ""), "tenants:\n"), []string{"tenants.a (c.yml:5:3): is given twice; remove one"}},
		{"both kinds", good + tenants("a", ""), []string{"tenants (c.yml:3:1): is given together with the settings of a single tenant (hook, okta); move them to tenants.default"}},
		{"installation setting in a tenant", tenants("a", "    log: {level: info}\n"), []string{"tenants.a.log (c.yml:5:5): there is no such setting; allowed here are custom_fields, deprovision, groups, hook, invites, license_caps, license_pools, limits, managers, mapping, nightly, okta, owned, preset, protected, required, role_sets, rule_groups, teams, unique"}},
		{"nothing wrong with two tenants", tenants("a", "") + strings.TrimPrefix(tenants("b", ""), "tenants:\n"), nil},
		{"the same host in two", "tenants:\n" + tenantOn("a", "sync.example.com") + tenantOn("b", "SYNC.example.com"), []string{`tenants.b.hook.hosts (c.yml:7:49): "sync.example.com" belongs to tenant a as well; a host can be given to one tenant only`}},
		{"an empty tenant", "tenants:\n  a:\n", []string{
			"tenants.a.okta.url: is missing; give the org's address, such as https://acme.okta.com",
			"tenants.a.okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
			"tenants.a.okta.app_id: is missing; give the id of the Okta app that stands for the product (0oa…)",
			`tenants.a.hook.secrets: is missing; make one, for example with "openssl rand -hex 32", and enter the same in Okta`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(test.content)
			if diff := cmp.Diff(test.want, lines(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\nfile:\n%s", diff, test.content)
			}
		})
	}
}

const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// oktaWith is a good file whose okta.url (and what stands before it) is replaced.
func oktaWith(text string) string {
	return strings.Replace(oktaBlock+hookBlock, "url: https://acme.okta.com", text, 1)
}

// tenants is a good file with one named tenant and more lines for it.
func tenants(slug, more string) string {
	return "tenants:\n  " + slug + ":\n    " + oktaBlock + "    " + hookBlock + more
}

// tenantOn is a tenant that is told by a host.
func tenantOn(slug, host string) string {
	return "  " + slug + ":\n    " + oktaBlock + "    hook: {secrets: [abcdefghijklmnop" + slug + "], hosts: [" + host + "]}\n"
}

// Everything is reported at once, in the order of the documentation.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(`
okta: {url: "https://acme-admin.okta.com/", tokn: x, app_id: nope}
log: {level: loud}
workers: {people: -1}
`, "OKTASYNC_LOG_FORMAT=xml", "OKTASYNC_SERVER_LISEN=:1")
	want := []string{
		"okta.tokn (c.yml:2:45): there is no such setting; did you mean okta.token?",
		"OKTASYNC_SERVER_LISEN: there is no such variable; did you mean OKTASYNC_SERVER_LISTEN?",
		`log.level (c.yml:3:14): "loud" is not known; give one of debug, info, warn, error`,
		`log.format (OKTASYNC_LOG_FORMAT): "xml" is not known; give one of json, text`,
		`workers.people (c.yml:4:19): "-1" is not a whole number from 1 to 200`,
		`okta.url (c.yml:2:13): "https://acme-admin.okta.com/" is the admin console; did you mean https://acme.okta.com?`,
		`okta.app_id (c.yml:2:62): "nope" is not the id of an app: it begins with 0oa and has 20 letters and digits`,
		"okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
		`hook.secrets: is missing; make one, for example with "openssl rand -hex 32", and enter the same in Okta`,
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
