package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readFile reads the configuration file into values. It returns false when there is a file
// that can't be read as one.
func (l *loader) readFile() bool {
	path := l.options.Path
	if path == "" {
		for _, pair := range l.options.Environ {
			if text, found := strings.CutPrefix(pair, "OKTASYNC_CONFIG="); found {
				path = text
			}
		}
	}
	if path == "" {
		return true
	}
	content, err := l.options.ReadFile(path)
	if err != nil {
		l.problems.add("", path, "can't read the configuration file: %s", reason(err))
		return false
	}
	root, err := parse(content)
	if err != nil {
		where := path
		var syntax *syntaxError
		if errors.As(err, &syntax) && syntax.line > 0 {
			where = fmt.Sprintf("%s:%d:%d", path, syntax.line, syntax.column)
		}
		l.problems.add("", where, "%s", err.Error())
		return false
	}
	if root != nil {
		w := &walker{loader: l, path: path, tenants: false, table: byKey(append(settings(), tenantSettings()...))}
		w.section("", "", root)
	}
	return true
}

func byKey(all []setting) map[string]setting {
	table := map[string]setting{}
	for _, s := range all {
		table[s.key] = s
		if s.fromFile {
			table[s.key+"_file"] = s
		}
	}
	return table
}

// walker goes through the file's tree and the table side by side.
type walker struct {
	loader  *loader
	path    string
	tenants bool // inside the tenants block, where only a tenant's settings are known
	table   map[string]setting
}

// where is the node's place in the file, or nothing for settings that come from elsewhere.
func (w *walker) where(n *node) string {
	if w.path == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", w.path, n.line, n.column)
}

// section reads a mapping. The prefix is that of the tenant ("" or
// "tenants.<slug>."), the name is the section's key inside the table.
func (w *walker) section(prefix, name string, n *node) {
	seen := map[string]bool{}
	for _, e := range n.entries {
		key := e.key
		if name != "" {
			key = name + "." + e.key
		}
		if seen[e.key] {
			w.loader.problems.add(prefix+key, w.where(e.name), "is given twice; remove one")
			continue
		}
		seen[e.key] = true
		w.entry(prefix, name, key, e)
	}
}

func (w *walker) entry(prefix, name, key string, e entry) {
	s, isSetting := w.table[key]
	field, isMapping := strings.CutPrefix(key, "mapping.")
	switch {
	case key == "tenants" && !w.tenants:
		w.tenantsBlock(e)
	case key == "presets" && !w.tenants:
		w.presetsBlock(e)
	case isSetting:
		w.markSingle(s)
		w.setting(prefix, s, key, e)
	case isMapping && slices.Contains(fields(), field) && e.value.kind != mapNode:
		// The short form, title: user.title, is the list of attributes.
		w.markSingle(w.table[key+".from"])
		w.setting(prefix, w.table[key+".from"], key+".from", e)
	case w.isSection(key):
		if e.value.kind == nullNode {
			return // a section whose lines are all comments
		}
		if e.value.kind != mapNode {
			w.loader.problems.add(prefix+key, w.where(e.value), "is a group of settings; write them indented on the lines below")
			return
		}
		w.section(prefix, key, e.value)
	default:
		w.unknown(prefix, name, key, e)
	}
}

// markSingle remembers that a tenant is configured at the top level.
func (w *walker) markSingle(s setting) {
	if _, ofTenant := w.loader.suffixes[s.variable()]; ofTenant && !w.tenants {
		w.loader.single = true
	}
}

func (w *walker) isSection(key string) bool {
	for k := range w.table {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

func (w *walker) unknown(prefix, name, key string, e entry) {
	var siblings []string
	above := name
	if above != "" {
		above += "."
	}
	for k := range w.table {
		if rest, found := strings.CutPrefix(k, above); found {
			sibling, _, _ := strings.Cut(rest, ".")
			siblings = append(siblings, sibling)
		}
	}
	if name == "" && !w.tenants {
		siblings = append(siblings, "presets", "tenants")
	}
	slices.Sort(siblings)
	siblings = slices.Compact(siblings)
	hint := ""
	if sibling := nearest(e.key, siblings); sibling != "" {
		hint = "; did you mean " + prefix + above + sibling + "?"
	} else {
		hint = w.elsewhere(prefix, e.key)
	}
	if hint == "" {
		hint = "; allowed here are " + strings.Join(siblings, ", ")
	}
	w.loader.problems.add(shortKey(prefix+key), w.where(e.name), "there is no such setting%s", hint)
}

// elsewhere finds settings with this name in other sections.
func (w *walker) elsewhere(prefix, name string) string {
	var found []string
	for k := range w.table {
		if strings.HasSuffix(k, "."+name) && !strings.HasPrefix(k, "mapping.") {
			found = append(found, prefix+k)
		}
	}
	if len(found) == 0 || len(found) > 3 {
		return ""
	}
	slices.Sort(found)
	return "; did you mean " + strings.Join(found, " or ") + "?"
}

// shortKey keeps a hostile key from filling the screen.
func shortKey(key string) string {
	quoted := quote(key)
	if quoted == `"`+key+`"` {
		return key
	}
	return quoted
}

func (w *walker) tenantsBlock(e entry) {
	w.loader.many = w.where(e.name)
	w.block(e, "tenant", tenantSettings(), &w.loader.slugs)
}

func (w *walker) presetsBlock(e entry) {
	w.block(e, "preset", presetSettings(), &w.loader.presets)
}

// block reads several sets of a tenant's settings, each below its name.
func (w *walker) block(e entry, what string, table []setting, names *[]string) {
	if e.value.kind == nullNode {
		return
	}
	if e.value.kind != mapNode {
		w.loader.problems.add(e.key, w.where(e.value), "is not a group of %ss; write each one's name with its settings below it", what)
		return
	}
	inner := &walker{loader: w.loader, path: w.path, tenants: true, table: byKey(table)}
	for _, one := range e.value.entries {
		key := shortKey(e.key + "." + one.key)
		switch {
		case !slugPattern.MatchString(one.key):
			w.loader.problems.add(key, w.where(one.name), "is not a slug: it has 1 to 63 small letters, digits and hyphens, and does not begin with a hyphen")
		case slices.Contains(*names, one.key):
			w.loader.problems.add(key, w.where(one.name), "is given twice; remove one")
		case one.value.kind == nullNode:
			*names = append(*names, one.key)
		case one.value.kind != mapNode:
			w.loader.problems.add(key, w.where(one.value), "is not a group of settings; write them indented on the lines below")
		default:
			*names = append(*names, one.key)
			inner.section(e.key+"."+one.key+".", "", one.value)
		}
	}
}

// setting stores a value, or the content of the file that <key>_file names.
func (w *walker) setting(prefix string, s setting, key string, e entry) {
	where := w.where(e.value)
	if e.value.kind == nullNode {
		return // a key without a value keeps its default
	}
	full := prefix + s.key
	if _, both := w.loader.values[full]; both {
		w.loader.problems.add(full, where, "is given both as a value and as a file; remove one")
		return
	}
	origin := fmt.Sprintf("file %s:%d", w.path, e.value.line)
	if s.object && !s.pairs && e.value.kind == listNode || s.pairs && e.value.kind == mapNode {
		w.loader.values[full] = value{in: input{node: e.value, isList: true}, where: where, line: e.value.line, origin: origin}
		return
	}
	texts, err := scalars(e.value, s.list)
	if s.pairs {
		err = errNotPairs
	} else if err == nil && s.object && !s.short {
		err = errors.New("is not a list; write each entry on a line that begins with a hyphen")
	}
	if err != nil {
		w.loader.problems.add(full, where, "%s", err.Error())
		return
	}
	if key == s.key {
		v := newValue(s, texts, where, origin)
		v.line = e.value.line
		w.loader.values[full] = v
		return
	}
	w.loader.fromFiles(s, full, where, texts)
}

// fromFiles stores what the named files hold.
func (l *loader) fromFiles(s setting, full, where string, paths []string) {
	var texts []string
	for _, path := range paths {
		text, ok := l.secretFile(full, where, path)
		if !ok {
			return
		}
		texts = append(texts, text)
	}
	l.values[full] = newValue(s, texts, where, "secret file "+strings.Join(paths, ", "))
}

func newValue(s setting, texts []string, where, origin string) value {
	if s.list {
		return value{in: input{list: texts, isList: true}, where: where, origin: origin}
	}
	return value{in: input{text: first(texts)}, where: where, origin: origin}
}

// scalars returns the texts of a value, or of a list of values where several are allowed.
func scalars(n *node, several bool) ([]string, error) {
	switch {
	case n.kind == scalarNode:
		return []string{n.text}, nil
	case n.kind == nullNode:
		return nil, nil
	case n.kind == listNode && several:
		texts := []string{}
		for _, item := range n.items {
			if item.kind != scalarNode {
				return nil, errors.New("holds an entry that is not a single value")
			}
			texts = append(texts, item.text)
		}
		return texts, nil
	case several:
		return nil, errors.New("is a group of settings; give a list, such as [a, b]")
	default:
		return nil, errors.New("is not a single value; give one text or number")
	}
}
