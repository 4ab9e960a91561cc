package config

import (
	"slices"
	"strings"
)

const (
	environmentPrefix = "OKTASYNC_"
	tenantsPrefix     = "TENANTS_"
	fileSuffix        = "_FILE"
)

// readEnvironment lets the environment replace what the file says. An empty
// variable counts as not set, because that is how compose files pass on
// what was not given.
func (l *loader) readEnvironment() {
	global := map[string]setting{}
	for _, s := range settings() {
		global[s.variable()] = s
	}
	environ := slices.Clone(l.options.Environ)
	slices.Sort(environ)
	given := map[string]string{} // full key → variable
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		short, ours := strings.CutPrefix(name, environmentPrefix)
		if !ours || text == "" || l.isForeign(short, text) {
			continue
		}
		full, s, asFile, known := l.lookUp(global, short)
		if !known {
			l.problems.add("", name, "there is no such variable%s", l.similar(global, short))
			continue
		}
		if other, double := given[full]; double {
			l.problems.add(full, name, "is given by %s as well; remove one", other)
			continue
		}
		given[full] = name
		texts := []string{text}
		if s.list {
			texts = splitList(text)
		}
		if asFile {
			l.fromFiles(s, full, name, texts)
			continue
		}
		l.values[full] = newValue(s, texts, name, "environment "+name)
	}
}

// isForeign says whether the variable is none of the settings'. Kubernetes sets
// <SERVICE>_SERVICE_HOST, <SERVICE>_PORT and the like for each service of the
// namespace, and one of them may well be called oktasync.
func (l *loader) isForeign(short, text string) bool {
	if short == "CONFIG" || strings.HasPrefix(short, "TEST_") || slices.Contains(l.options.KnownEnv, environmentPrefix+short) {
		return true
	}
	padded := "_" + short
	if strings.HasSuffix(padded, "_SERVICE_HOST") || strings.Contains(padded+"_", "_SERVICE_PORT_") {
		return true
	}
	if strings.HasSuffix(padded, "_PORT") && strings.Contains(text, "://") {
		return true
	}
	_, after, found := strings.Cut(padded, "_PORT_")
	return found && after != "" && after[0] >= '0' && after[0] <= '9'
}

// lookUp finds the setting that a variable is for, and its full key.
func (l *loader) lookUp(global map[string]setting, short string) (full string, s setting, asFile, known bool) {
	find := func(table map[string]setting, name string) (setting, bool, bool) {
		if s, ok := table[name]; ok && s.byEnvironment() {
			return s, false, true
		}
		if s, ok := table[strings.TrimSuffix(name, fileSuffix)]; ok && s.fromFile {
			return s, true, true
		}
		return setting{}, false, false
	}
	if s, asFile, known := find(global, short); known {
		return s.key, s, asFile, true
	}
	if s, asFile, known := find(l.suffixes, short); known {
		l.single = true
		return s.key, s, asFile, true
	}
	rest, isTenant := strings.CutPrefix(short, tenantsPrefix)
	if !isTenant {
		return "", setting{}, false, false
	}
	// A slug may hold the same parts as a setting, so each place to cut is tried.
	for i := range rest {
		if rest[i] != '_' {
			continue
		}
		slug := strings.ToLower(strings.ReplaceAll(rest[:i], "_", "-"))
		if s, asFile, known := find(l.suffixes, rest[i+1:]); known && slugPattern.MatchString(slug) {
			l.addSlug(slug, environmentPrefix+short)
			return "tenants." + slug + "." + s.key, s, asFile, true
		}
	}
	return "", setting{}, false, false
}

func (l *loader) addSlug(slug, variable string) {
	if slices.Contains(l.slugs, slug) {
		return
	}
	l.slugs = append(l.slugs, slug)
	if l.onlyEnv == nil {
		l.onlyEnv = map[string]string{}
	}
	l.onlyEnv[slug] = variable
	if l.many == "" {
		l.many = variable
	}
}

// similar names the variable that may have been meant.
func (l *loader) similar(global map[string]setting, short string) string {
	names := append(variables("", global), variables("", l.suffixes)...)
	if strings.HasPrefix(short, tenantsPrefix) {
		names = nil
		for _, slug := range l.slugs {
			names = append(names, variables(tenantsPrefix+environmentPart(slug)+"_", l.suffixes)...)
		}
	}
	slices.Sort(names)
	if best := nearest(short, names); best != "" {
		return "; did you mean " + environmentPrefix + best + "?"
	}
	return "; docs/configuration.md lists the names"
}

// variables lists the names by which a table's settings can be set.
func variables(prefix string, table map[string]setting) []string {
	var names []string
	for variable, s := range table {
		if s.byEnvironment() {
			names = append(names, prefix+variable)
		}
		if s.fromFile {
			names = append(names, prefix+variable+fileSuffix)
		}
	}
	return names
}

// splitList reads a list from a variable: values between commas, spaces around
// them ignored.
func splitList(text string) []string {
	var values []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			values = append(values, part)
		}
	}
	return values
}
