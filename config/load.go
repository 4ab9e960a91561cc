package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Options say what Load reads.
type Options struct {
	// Path of the configuration file. When empty, OKTASYNC_CONFIG names it; when
	// that is empty too, there is no file.
	Path string
	// Environ holds "NAME=value" pairs, as os.Environ returns them.
	Environ []string
	// KnownEnv are further OKTASYNC_ variables that the caller reads itself.
	KnownEnv []string
	// NoTenants allows a configuration without any tenant, for commands that need
	// none. Tenants that are configured are checked all the same.
	NoTenants bool
	// Presets are presets that come with the program, by name: each a tenant's settings in YAML. One of
	// the configuration file goes before that of the same name.
	Presets map[string][]byte
	// ReadFile reads the configuration file and the secret files; nil means os.ReadFile.
	ReadFile func(path string) ([]byte, error)
}

// Load reads file and environment and returns the effective configuration. The
// environment wins over the file, the file over the defaults. Paths are
// relative to the working directory. The error holds everything that is wrong, see
// Problems.
func Load(o Options) (Config, error) {
	l := newLoader(o)
	readable := l.readFile()
	l.readReady()
	l.readEnvironment()
	c := l.fill()
	// Without the file's values, what they should have been together is unknown.
	if readable {
		l.validate(&c)
	}
	if len(l.problems.all) > 0 {
		return Config{}, l.problems.err()
	}
	return c, nil
}

func newLoader(o Options) *loader {
	l := &loader{
		options:  o,
		values:   map[string]value{},
		suffixes: map[string]setting{},
		problems: &problems{},
	}
	if l.options.ReadFile == nil {
		l.options.ReadFile = os.ReadFile
	}
	for _, s := range tenantSettings() {
		l.suffixes[s.variable()] = s
	}
	return l
}

// value is what was set for a key, before it is read.
type value struct {
	in     input
	where  string // for problems: "config.yml:12:5" or the variable's name
	line   int    // in the file; 0 elsewhere
	origin string // for printing: "file config.yml:12", "environment OKTASYNC_…"
}

type loader struct {
	options  Options
	values   map[string]value   // by full key
	slugs    []string           // of tenants with keys "tenants.<slug>."
	presets  []string           // names of presets with keys "presets.<name>."
	onlyEnv  map[string]string  // slugs that no file names, with the first variable that does
	single   bool               // keys of a tenant stand at the top level
	many     string             // where the tenants block stands
	suffixes map[string]setting // a tenant's settings by their variables
	problems *problems
}

// fill writes the values and the defaults through the table.
func (l *loader) fill() Config {
	c := Config{origins: map[string]string{}}
	for _, s := range settings() {
		l.write(target{config: &c}, s, "", c.origins)
	}
	slices.Sort(c.Roles)
	c.presets = l.fillPresets(&c)
	prefixes := map[string]string{}
	if l.single {
		prefixes[DefaultSlug] = ""
	}
	for _, slug := range l.slugs {
		prefixes[slug] = "tenants." + slug + "."
	}
	for _, slug := range slices.Sorted(maps.Keys(prefixes)) {
		c.Tenants = append(c.Tenants, l.fillTenant(&c, slug, prefixes[slug]))
	}
	return c
}

func (l *loader) fillTenant(c *Config, slug, prefix string) Tenant {
	t := Tenant{Slug: slug, prefix: prefix}
	for _, s := range tenantSettings() {
		l.write(target{config: c, tenant: &t}, s, prefix, c.origins)
	}
	l.fitGrants(&t)
	return t
}

func (l *loader) write(t target, s setting, prefix string, origins map[string]string) {
	key := prefix + s.key
	set, isSet := l.values[key]
	ofPreset := false
	if !isSet && t.tenant != nil {
		set, ofPreset = l.fromPreset(prefix, s.key)
	}
	if !isSet && !ofPreset {
		set = value{in: l.defaultFor(s, prefix), origin: "default"}
		if set.in.text == "" && !set.in.isList {
			origins[key] = "not set"
			return
		}
	}
	origins[key] = set.origin
	err := s.set(t, set.in)
	if err == nil && t.tenant != nil {
		t.tenant.notePlaces(s.key, set)
	}
	if err == nil || ofPreset { // a preset's own mistakes are reported with the preset
		return
	}
	l.refused(key, set.where, err)
}

// refused reports what a setting says about its value.
func (l *loader) refused(key, where string, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			l.problems.add(key, where, "%s", e.Error())
		}
		return
	}
	l.problems.add(key, where, "%s", err.Error())
}

// defaultFor reads the table's default.
func (l *loader) defaultFor(s setting, prefix string) input {
	if s.key == "groups.types" && l.selectsGroups(prefix) {
		// Someone who chooses groups does not want all others as well.
		return input{isList: true}
	}
	if s.list && s.def != "" {
		return input{isList: true, list: strings.Split(s.def, ",")}
	}
	return input{text: s.def}
}

func (l *loader) selectsGroups(prefix string) bool {
	given := func(key string) []string {
		v, set := l.values[prefix+key]
		if !set {
			v, set = l.fromPreset(prefix, key)
		}
		if !set {
			return nil
		}
		return v.in.values()
	}
	return len(given("groups.ids"))+len(given("groups.names")) > 0 || slices.Equal(given("groups.assigned"), []string{"true"})
}

// secretFile reads a value from the file that a setting names.
func (l *loader) secretFile(key, where, path string) (string, bool) {
	const most = 64 << 10
	content, err := l.options.ReadFile(path)
	if err != nil {
		l.problems.add(key, where, "can't read the secret file %s: %s", quote(path), reason(err))
		return "", false
	}
	text := strings.TrimRight(string(content), "\r\n")
	switch {
	case len(content) > most:
		l.problems.add(key, where, "the secret file %s has %d bytes; a secret has at most %d", quote(path), len(content), most)
		return "", false
	case strings.TrimSpace(text) == "":
		l.problems.add(key, where, "the secret file %s is empty", quote(path))
		return "", false
	}
	return text, true
}

// reason is the error without the path, which the sentence has already.
func reason(err error) string {
	switch {
	case os.IsNotExist(err):
		return "there is no such file"
	case os.IsPermission(err):
		return "no permission to read it"
	default:
		text := err.Error()
		if i := strings.LastIndex(text, ": "); i >= 0 {
			text = text[i+2:]
		}
		return fmt.Sprintf("%.100s", text)
	}
}
