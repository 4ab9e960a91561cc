package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Document holds the settings of one tenant as they are written below tenants.<slug> in the
// file. It has not been checked; see Config.LoadTenant.
type Document struct {
	root *node // nil: no settings
}

// ParseDocument reads a document that a person wrote, in YAML or JSON.
func ParseDocument(content []byte) (Document, error) {
	root, err := parse(content)
	if err == nil {
		return Document{root: root}, nil
	}
	var syntax *syntaxError
	if errors.As(err, &syntax) && syntax.line > 0 {
		return Document{}, fmt.Errorf("line %d, column %d: %w", syntax.line, syntax.column, err)
	}
	return Document{}, err
}

// UnmarshalJSON reads a JSON object. Numbers keep the text in which they were written.
func (d *Document) UnmarshalJSON(content []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return errors.New("the settings are not JSON") // its own words may quote a secret
	}
	nodes := 0
	root, err := fromJSON(tree, 0, &nodes)
	if err != nil {
		return err
	}
	if root.kind != mapNode && root.kind != nullNode {
		return errors.New("the settings are not an object")
	}
	d.root = root
	return nil
}

func fromJSON(tree any, depth int, nodes *int) (*node, error) {
	if *nodes++; *nodes > maxNodes {
		return nil, errors.New("the settings hold too many values")
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("the settings are nested too deeply; a configuration has at most %d levels", maxDepth)
	}
	to := &node{}
	switch v := tree.(type) {
	case nil:
	case string:
		to.kind, to.text = scalarNode, v
	case json.Number:
		to.kind, to.text = scalarNode, v.String()
	case bool:
		to.kind, to.text = scalarNode, strconv.FormatBool(v)
	case []any:
		to.kind = listNode
		for _, item := range v {
			child, err := fromJSON(item, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			to.items = append(to.items, child)
		}
	case map[string]any:
		to.kind = mapNode
		for _, key := range slices.Sorted(maps.Keys(v)) {
			child, err := fromJSON(v[key], depth+1, nodes)
			if err != nil {
				return nil, err
			}
			to.entries = append(to.entries, entry{key: key, name: &node{kind: scalarNode, text: key}, value: child})
		}
	default:
		return nil, fmt.Errorf("the settings hold a %T", tree)
	}
	return to, nil
}

// MarshalJSON writes the document, the same whatever it was made from. It writes
// secrets as well: see TakeSecrets.
func (d Document) MarshalJSON() ([]byte, error) {
	if d.root == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(toJSON(d.root))
}

func toJSON(n *node) any {
	switch n.kind {
	case scalarNode:
		// Only what is read back as the same text may lose its quotes.
		if n.text == "true" || n.text == "false" {
			return n.text == "true"
		}
		if f, err := strconv.ParseFloat(n.text, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == n.text {
			return json.Number(n.text)
		}
		return n.text
	case listNode:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = toJSON(item)
		}
		return items
	case mapNode:
		object := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			object[e.key] = toJSON(e.value)
		}
		return object
	default:
		return nil
	}
}

// With returns the document with one setting, such as okta.url, set to a text.
func (d Document) With(key, text string) Document {
	return Document{root: with(d.root, strings.Split(key, "."), &node{kind: scalarNode, text: text})}
}

// WithFiles returns the document with the content of files in place of their names: what
// stands under okta.token_file goes under okta.token. It is for documents that a person keeps
// beside such files; LoadTenant refuses the names, because they would be files of the server.
func (d Document) WithFiles(readFile func(string) ([]byte, error)) (Document, error) {
	l := newLoader(Options{ReadFile: readFile})
	root := d.root
	for _, s := range tenantSettings() {
		path := strings.Split(s.key+"_file", ".")
		named := inside(root, path)
		if !s.fromFile || named == nil {
			continue
		}
		names, err := scalars(named, s.list)
		if err != nil {
			return Document{}, fmt.Errorf("%s_file %w", s.key, err)
		}
		value := &node{kind: listNode}
		for _, name := range names {
			text, ok := l.secretFile(s.key+"_file", "", name)
			if !ok {
				return Document{}, l.problems.err()
			}
			value.items = append(value.items, &node{kind: scalarNode, text: text})
		}
		if !s.list && len(value.items) == 1 {
			value = value.items[0]
		}
		root = with(with(root, path, nil), strings.Split(s.key, "."), value)
	}
	return Document{root: root}, nil
}

// Merge returns the document with the patch on top: what the patch names is replaced, groups of
// settings are merged, null takes a setting out (RFC 7396).
func (d Document) Merge(patch Document) Document {
	if patch.root == nil || patch.root.kind == nullNode {
		return d
	}
	return Document{root: merge(d.root, patch.root)}
}

func merge(base, patch *node) *node {
	if patch.kind != mapNode {
		return patch
	}
	result := &node{kind: mapNode}
	if base != nil && base.kind == mapNode {
		result.entries = slices.Clone(base.entries)
	}
	for _, e := range patch.entries {
		at := slices.IndexFunc(result.entries, func(have entry) bool { return have.key == e.key })
		switch {
		case e.value.kind == nullNode && at >= 0:
			result.entries = slices.Delete(result.entries, at, at+1)
		case e.value.kind == nullNode:
		case at >= 0:
			e.value = merge(result.entries[at].value, e.value)
			result.entries[at] = e
		default:
			e.value = merge(nil, e.value)
			result.entries = append(result.entries, e)
		}
	}
	return result
}

// TakeSecrets returns the document without its secrets, and these by the key of their
// setting. A setting with one value has one.
func (d Document) TakeSecrets() (Document, map[string][]Secret) {
	taken := map[string][]Secret{}
	if d.root == nil {
		return d, taken
	}
	root := d.root
	for _, s := range tenantSettings() {
		if !s.secret {
			continue
		}
		path := strings.Split(s.key, ".")
		found := inside(root, path)
		if found == nil {
			continue
		}
		for _, n := range append([]*node{found}, found.items...) {
			if n.kind == scalarNode && n.text != "" {
				taken[s.key] = append(taken[s.key], NewSecret(n.text))
			}
		}
		root = with(root, path, nil)
	}
	return Document{root: root}, taken
}

// WithSecrets is the reverse of TakeSecrets.
func (d Document) WithSecrets(secrets map[string][]Secret) Document {
	root := d.root
	for _, s := range tenantSettings() {
		values := secrets[s.key]
		if !s.secret || len(values) == 0 {
			continue
		}
		n := &node{kind: scalarNode, text: values[0].Reveal()}
		if s.list {
			n = &node{kind: listNode}
			for _, v := range values {
				n.items = append(n.items, &node{kind: scalarNode, text: v.Reveal()})
			}
		}
		root = with(root, strings.Split(s.key, "."), n)
	}
	return Document{root: root}
}

// Text returns the text of one setting, such as okta.url, or nothing when it is not there.
func (d Document) Text(key string) string {
	n := inside(d.root, strings.Split(key, "."))
	if n == nil || n.kind != scalarNode {
		return ""
	}
	return n.text
}

// inside returns the node at a path, or nil.
func inside(n *node, path []string) *node {
	for _, name := range path {
		if n == nil || n.kind != mapNode {
			return nil
		}
		i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == name })
		if i < 0 {
			return nil
		}
		n = n.entries[i].value
	}
	return n
}

// with returns the tree with the value at a path, or without what is there when the value is nil. The
// given tree stays as it is. Groups that become empty go.
func with(n *node, path []string, value *node) *node {
	if len(path) == 0 {
		return value
	}
	result := &node{kind: mapNode}
	var child *node
	if n != nil && n.kind == mapNode {
		for _, e := range n.entries {
			if e.key == path[0] {
				child = e.value
				continue
			}
			result.entries = append(result.entries, e)
		}
	}
	child = with(child, path[1:], value)
	if child != nil && (child.kind != mapNode || len(child.entries) > 0) {
		result.entries = append(result.entries, entry{key: path[0], name: &node{kind: scalarNode, text: path[0]}, value: child})
	}
	return result
}

// LoadTenant checks a document by the rules of the file, with the file's presets, and returns the
// tenant. taken says to whom hosts belong already. The error holds everything that is wrong,
// see Problems.
func (c Config) LoadTenant(slug string, d Document, taken map[string]string) (Tenant, error) {
	l := newLoader(Options{})
	for name, values := range c.presets {
		l.presets = append(l.presets, name)
		for key, v := range values {
			l.values[presetPrefix(name)+key] = v
		}
	}
	if !slugPattern.MatchString(slug) {
		l.problems.add("slug", "", "%s is not a slug: it has 1 to 63 small letters, digits and hyphens, and does not begin with a hyphen", quote(slug))
	}
	if d.root != nil && d.root.kind == mapNode {
		// Without the keys that name files: those would be files of the server.
		w := &walker{loader: l, tenants: true, table: byKey(tenantSettings())}
		maps.DeleteFunc(w.table, func(key string, s setting) bool { return key != s.key })
		w.section("", "", d.root)
	}
	t := l.fillTenant(&Config{origins: map[string]string{}}, slug, "")
	hosts := map[string]string{}
	maps.Copy(hosts, taken)
	l.checkTenant(&c, &t, hosts)
	if len(l.problems.all) > 0 {
		return Tenant{}, l.problems.err()
	}
	return t, nil
}
