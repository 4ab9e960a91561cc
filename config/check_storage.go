package config

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Driver names the database that the address is for: "postgres" or "sqlite".
func (d Database) Driver() string {
	if strings.HasPrefix(d.URL.Reveal(), "sqlite:") {
		return "sqlite"
	}
	return "postgres"
}

// SQLitePath is the path of the database file, "" for Postgres.
func (d Database) SQLitePath() string {
	rest, isSQLite := strings.CutPrefix(d.URL.Reveal(), "sqlite:")
	if !isSQLite {
		return ""
	}
	return strings.TrimPrefix(rest, "//")
}

func checkDatabaseURL(address string) error {
	const want = "give postgres://user@host:5432/name or sqlite:path/to/file.db"
	if strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("holds a control character; " + want)
	}
	scheme, rest, found := strings.Cut(address, ":")
	switch {
	case !found:
		return errors.New("is not the address of a database; " + want)
	case scheme == "sqlite":
		return checkSQLite(rest)
	case scheme != "postgres" && scheme != "postgresql":
		return errors.New("is for a kind of database that is not supported; " + want)
	}
	// The parser's error would repeat the address and with it the password.
	parsed, err := url.Parse(address)
	if err != nil {
		return errors.New("is not an address; write special characters of the password in percent form, or use database.password; " + want)
	}
	if parsed.Host == "" {
		return errors.New("has no host; " + want)
	}
	if strings.Trim(parsed.Path, "/") == "" || strings.Contains(strings.Trim(parsed.Path, "/"), "/") {
		return errors.New("does not end with the name of one database; " + want)
	}
	if parsed.Fragment != "" {
		return errors.New("holds a #; write it as %23, or use database.password")
	}
	if password, has := parsed.User.Password(); has {
		return checkPassword(password)
	}
	return nil
}

func checkSQLite(rest string) error {
	const want = "give sqlite: and a path, such as sqlite:data/oktasync.db or sqlite:///var/lib/oktasync/oktasync.db"
	if strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
		return errors.New("has two slashes, after which a host would come; " + want)
	}
	file := strings.TrimPrefix(rest, "//")
	switch {
	case file == "" || strings.HasSuffix(file, "/"):
		return errors.New("names no file; " + want)
	case strings.Contains(file, ":memory:"):
		return errors.New("is kept in memory and would be lost; " + want)
	case strings.ContainsAny(file, "?#"):
		return errors.New("holds options, which are not supported; " + want)
	}
	return nil
}

func checkRedisURL(address string) error {
	const want = "give redis://host:6379/0, rediss://host:6379/0 or embedded"
	if address == embedded {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return errors.New("is not an address; write special characters of the password in percent form, or use redis.password; " + want)
	}
	if parsed.Scheme != "redis" && parsed.Scheme != "rediss" {
		return errors.New("is not the address of a Redis; " + want)
	}
	if checkHost(parsed.Hostname()) != nil || (parsed.Port() != "" && !isPort(parsed.Port(), 1)) {
		return errors.New("has no valid host; " + want)
	}
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		return errors.New("holds options, which are not supported; " + want)
	}
	if _, err := redisDB(parsed); err != nil {
		return errors.New("does not end with the number of a database; " + want)
	}
	if password, has := parsed.User.Password(); has && password != "" {
		return checkPassword(password)
	}
	return nil
}

// redisDB reads the number after the host; -1 when there is none.
func redisDB(parsed *url.URL) (int, error) {
	text := strings.Trim(parsed.Path, "/")
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && (n < 0 || n > 1023) {
		err = errors.New("out of range")
	}
	return n, err
}
