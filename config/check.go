package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Patterns that are compiled once and never changed.
var (
	slugPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	tokenName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	customName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)
	attribute   = regexp.MustCompile(`^(user|app)\.[A-Za-z_][A-Za-z0-9_-]{0,99}$`)
	link        = regexp.MustCompile(`^link\.[A-Za-z_][A-Za-z0-9_-]{0,99}$`)
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
	hostName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)
	scopeName   = regexp.MustCompile(`^okta\.[A-Za-z]+(\.[A-Za-z]+)*\.(read|manage)$`)
	clientID    = regexp.MustCompile(`^[A-Za-z0-9_-]{8,100}$`)
	appID       = regexp.MustCompile(`^0oa[A-Za-z0-9]{17}$`)
	groupID     = regexp.MustCompile(`^00g[A-Za-z0-9]{17}$`)
)

func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return fmt.Errorf("%s is not a host name", quote(host))
	}
	return nil
}

func checkHookHost(host string) error {
	if strings.ContainsAny(host, "/:") {
		return fmt.Errorf("%s is not a host name; leave out https://, port and path", quote(host))
	}
	return checkHost(host)
}

func checkHostPort(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || checkHost(host) != nil || !isPort(port, 1) {
		return fmt.Errorf("%s is not an address; give host:port", quote(address))
	}
	return nil
}

func checkListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || (host != "" && checkHost(host) != nil) || !isPort(port, 0) {
		return fmt.Errorf("%s is not an address to listen on; give host:port, such as 127.0.0.1:8080 or 0.0.0.0:8080", quote(address))
	}
	return nil
}

func isPort(text string, least int) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= least && port <= 65535
}

// checkOktaURL checks the form alone; https is checked together with allow_http.
// Okta: the console's host has -admin in its name and serves no API.
func checkOktaURL(address string) error {
	const want = "give the org's address alone, such as https://acme.okta.com"
	if !strings.Contains(address, "://") {
		if checkHost(address) == nil {
			return fmt.Errorf("%s has no scheme; did you mean https://%s?", quote(address), address)
		}
		return fmt.Errorf("%s is not an address; %s", quote(address), want)
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.User != nil {
		return errors.New("is not an address, or holds a user name; " + want)
	}
	if parsed.Scheme != "https" && parsed.Scheme != "http" {
		return fmt.Errorf("%s is not a web address; %s", quote(address), want)
	}
	host := parsed.Hostname()
	if checkHost(host) != nil || (parsed.Port() != "" && !isPort(parsed.Port(), 1)) || strings.HasSuffix(parsed.Host, ":") {
		return fmt.Errorf("%s has no valid host; %s", quote(address), want)
	}
	label, domain, _ := strings.Cut(host, ".")
	if plain, isAdmin := strings.CutSuffix(strings.ToLower(label), "-admin"); isAdmin && strings.Contains(strings.ToLower(domain), "okta") {
		return fmt.Errorf("%s is the admin console; did you mean https://%s.%s?", quote(address), plain, domain)
	}
	if strings.HasPrefix(strings.ToLower(host), "your-org.") || strings.Contains(strings.ToLower(host), "youroktadomain") {
		return fmt.Errorf("%s is the example; put your org's address here", quote(address))
	}
	if plain, twice := strings.CutSuffix(strings.ToLower(host), ".com.com"); twice {
		return fmt.Errorf("%s ends in .com twice; did you mean %s://%s.com?", quote(address), parsed.Scheme, plain)
	}
	if parsed.Path != "" || parsed.RawQuery != "" || parsed.ForceQuery || strings.Contains(address, "#") {
		return fmt.Errorf("%s has something after the host; did you mean %s://%s?", quote(address), parsed.Scheme, parsed.Host)
	}
	return nil
}

func checkPublicURL(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.User != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || checkHost(parsed.Hostname()) != nil {
		return fmt.Errorf("is not an address; give one such as https://sync.example.com")
	}
	if parsed.Path != "" || parsed.RawQuery != "" || parsed.ForceQuery || strings.Contains(address, "#") {
		return fmt.Errorf("%s has something after the host; did you mean %s://%s?", quote(address), parsed.Scheme, parsed.Host)
	}
	// Okta: event hooks are delivered to https only.
	if parsed.Scheme == "http" && !isLoopback(parsed.Hostname()) {
		return fmt.Errorf("%s is not https; Okta delivers event hooks to https addresses only", quote(address))
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

func checkClientID(id string) error {
	if !clientID.MatchString(id) {
		return fmt.Errorf("%s is not a client id; copy it from the service app in Okta", quote(id))
	}
	return checkPlaceholder(id, "put the service app's client id here")
}

// Okta: ids are 20 characters, those of apps begin with 0oa.
func checkAppID(id string) error {
	if !appID.MatchString(id) {
		return fmt.Errorf("%s is not the id of an app: it begins with 0oa and has 20 letters and digits", quote(id))
	}
	return nil
}

// Okta: ids are 20 characters, those of groups begin with 00g.
func checkGroupID(id string) error {
	if !groupID.MatchString(id) {
		return fmt.Errorf("%s is not the id of a group: it begins with 00g and has 20 letters and digits; names go under groups.names", quote(id))
	}
	return nil
}

func checkScope(scope string) error {
	if !scopeName.MatchString(scope) {
		return fmt.Errorf("%s is not a scope; give one such as okta.users.read", quote(scope))
	}
	return nil
}

func checkHeader(name string) error {
	if !headerName.MatchString(name) {
		return fmt.Errorf("%s is not the name of a header; give one such as Authorization", quote(name))
	}
	return nil
}

func checkAttribute(name string) error {
	if !attribute.MatchString(name) {
		return fmt.Errorf("%s is not an attribute; give user.<name> from the Okta profile or app.<name> from the app's profile", quote(name))
	}
	return nil
}

// checkMapped takes what a field may be made of: linked objects cost a call each, so they are for fields alone.
func checkMapped(name string) error {
	if link.MatchString(name) {
		return nil
	}
	return checkAttribute(name)
}

// checkAnyField takes custom fields too; whether they are declared is checked with the others.
func checkAnyField(name string) error {
	if custom, isCustom := strings.CutPrefix(name, "custom."); isCustom && customName.MatchString(custom) {
		return nil
	}
	return oneOf(fields()...)(name)
}

// checkOwned takes what does not tell who somebody is in Okta.
func checkOwned(name string) error {
	if slices.Contains([]string{"login", "employee_number", "manager_id_text", "manager_text", "manager_link"}, name) {
		return fmt.Errorf("%s is how Okta names people, so it stays Okta's; take it off the list", name)
	}
	return checkAnyField(name)
}

// checkUnique takes what tells people apart. Whether custom fields are declared is checked with the others.
func checkUnique(name string) error {
	if custom, isCustom := strings.CutPrefix(name, "custom."); isCustom && customName.MatchString(custom) {
		return nil
	}
	return oneOf("email", "login", "employee_number")(name)
}

// fitsAll says whether a pattern fits every name.
func fitsAll(pattern string) bool { return strings.Trim(pattern, "*? ") == "" }

func checkGroupName(pattern string) error {
	if fitsAll(pattern) {
		return fmt.Errorf("%s fits every group; if that is meant, write groups.types: [OKTA_GROUP, APP_GROUP, BUILT_IN]", quote(pattern))
	}
	return checkPattern(pattern)
}

func checkLeftOut(pattern string) error {
	if fitsAll(pattern) {
		return fmt.Errorf("%s leaves every group out; if that is meant, write groups.types: [] and no ids or names", quote(pattern))
	}
	return checkPattern(pattern)
}

func checkPattern(pattern string) error {
	if strings.ContainsAny(pattern, `[\`) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%s is not a pattern; use * for any characters and ? for one", quote(pattern))
		}
	}
	return nil
}
