package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// GrantRule gives a role, or a license, to whom its source fits.
type GrantRule struct {
	Name       string
	Line       int    // in the file; 0 elsewhere
	Role       string // empty in a pool, and where Values name it
	Groups     []string
	GroupNames []string
	Attribute  string
	Values     map[string]string // folded values, each with its role, or with nothing
	Everyone   bool
	Default    bool
	Team       string
	TeamFrom   string // TeamFromPrimary, TeamFromGroup or nothing
}

// Where the team of a role comes from.
const (
	TeamFromPrimary = "primary_team"
	TeamFromGroup   = "group"
)

// mostRules bounds the rules of one set or pool.
const mostRules = 1000

func checkGrantName(what, name string) error {
	if !grantName.MatchString(name) {
		return fmt.Errorf("%s: %s is not a name; give 1 to 63 letters, digits, dots, colons, hyphens or underscores", what, quote(name))
	}
	return nil
}

// lineError says where in the file a rule is wrong. The innermost place is told.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func (e *lineError) Unwrap() error { return e.err }

func onLine(n *node, err error) error {
	var inner *lineError
	if err == nil || n.line == 0 || errors.As(err, &inner) {
		return err
	}
	return &lineError{line: n.line, err: err}
}

// parts are the values of an object in the file, by key.
type parts map[string]*node

func named(item *node, known ...string) (parts, error) {
	if item.kind != mapNode {
		return nil, fmt.Errorf("is not of the form { %s: … }", strings.Join(known, ": …, "))
	}
	p := parts{}
	for _, e := range item.entries {
		if !slices.Contains(known, e.key) {
			return nil, onLine(e.name, fmt.Errorf("%s is not known here; allowed are %s%s", quote(e.key), strings.Join(known, ", "), didYouMean(e.key, known)))
		}
		if _, double := p[e.key]; double {
			return nil, onLine(e.name, fmt.Errorf("%s is given twice; remove one", e.key))
		}
		if e.value.kind != nullNode {
			p[e.key] = e.value
		}
	}
	return p, nil
}

// texts fills in single texts, and lists of texts.
func (p parts) texts(single map[string]*string, several map[string]*[]string) error {
	for key, to := range single {
		if n, given := p[key]; given {
			values, err := scalars(n, false)
			if err != nil {
				return onLine(n, fmt.Errorf("%s: %w", key, err))
			}
			*to = first(values)
		}
	}
	for key, to := range several {
		if n, given := p[key]; given {
			values, err := scalars(n, true)
			if err != nil {
				return onLine(n, fmt.Errorf("%s: %w", key, err))
			}
			*to = values
		}
	}
	return nil
}

// rules reads the rules of a set with these roles, or of a pool, which has none.
func (p parts) rules(roles []string) ([]GrantRule, error) {
	n, given := p["rules"]
	if !given {
		return nil, nil
	}
	if n.kind != listNode {
		return nil, onLine(n, errors.New("rules: is not a list; write each rule on a line that begins with a hyphen"))
	}
	if len(n.items) > mostRules {
		return nil, onLine(n, fmt.Errorf("rules: there are %d, at most %d are allowed", len(n.items), mostRules))
	}
	var rules []GrantRule
	for _, item := range n.items {
		rule, err := newGrantRule(item, roles)
		if err == nil && slices.ContainsFunc(rules, func(o GrantRule) bool { return o.Name == rule.Name }) {
			err = fmt.Errorf("the name %s is used by two rules; rename one", quote(rule.Name))
		}
		if err != nil {
			return nil, onLine(item, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func newGrantRule(item *node, roles []string) (GrantRule, error) {
	known := []string{"name", "groups", "group_names", "attribute", "equals", "everyone", "default"}
	if roles != nil {
		known = append(known, "role", "values", "team", "team_from")
	}
	p, err := named(item, known...)
	if err != nil {
		return GrantRule{}, err
	}
	rule := GrantRule{Line: item.line}
	var equals []string
	everyone, byDefault := "", ""
	err = p.texts(
		map[string]*string{"name": &rule.Name, "role": &rule.Role, "attribute": &rule.Attribute, "everyone": &everyone, "default": &byDefault, "team": &rule.Team, "team_from": &rule.TeamFrom},
		map[string]*[]string{"groups": &rule.Groups, "group_names": &rule.GroupNames, "equals": &equals})
	if err != nil {
		return rule, err
	}
	if err := checkGrantName("name", rule.Name); err != nil {
		return rule, err
	}
	for key, to := range map[string]*bool{"everyone": &rule.Everyone, "default": &rule.Default} {
		text := map[string]string{"everyone": everyone, "default": byDefault}[key]
		if text == "" {
			continue
		}
		if *to, err = strconv.ParseBool(text); err != nil {
			return rule, fmt.Errorf("%s: %s is neither true nor false", key, quote(text))
		}
	}
	if err := rule.readValues(p["values"], equals); err != nil {
		return rule, err
	}
	if err := rule.checkSource(); err != nil {
		return rule, err
	}
	if roles == nil {
		return rule, nil
	}
	return rule, rule.checkRole(roles)
}

// readValues reads the values of an attribute that count: a map of values to roles, or a list.
func (r *GrantRule) readValues(values *node, equals []string) error {
	if values == nil && equals == nil {
		return nil
	}
	r.Values = map[string]string{}
	add := func(value, role string) error {
		key := strings.ToLower(strings.TrimSpace(value)) // as logins and names are compared everywhere
		if key == "" {
			return errors.New("values: an empty value cannot be told from none; remove it")
		}
		if _, double := r.Values[key]; double {
			return fmt.Errorf("values: %s is there twice, for capital and small letters are the same; remove one", quote(value))
		}
		r.Values[key] = role
		return nil
	}
	for _, value := range equals {
		if err := add(value, ""); err != nil {
			return err
		}
	}
	if values == nil {
		return nil
	}
	if values.kind != mapNode || equals != nil || r.Role != "" {
		return errors.New("values: give values: { value: role }, or role and equals: [value]")
	}
	for _, e := range values.entries {
		if e.value.kind != scalarNode {
			return fmt.Errorf("values: %s has no single role", quote(e.key))
		}
		if err := add(e.key, e.value.text); err != nil {
			return err
		}
	}
	return nil
}

func (r *GrantRule) checkSource() error {
	sources := 0
	for _, has := range []bool{len(r.Groups)+len(r.GroupNames) > 0, r.Attribute != "", r.Everyone, r.Default} {
		if has {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("has to have one source: groups or group_names, or attribute, or everyone: true, or default: true")
	}
	for _, id := range r.Groups {
		if err := checkGroupID(id); err != nil {
			return fmt.Errorf("groups: %w", err)
		}
	}
	for _, pattern := range r.GroupNames {
		if err := checkPattern(pattern); err != nil {
			return fmt.Errorf("group_names: %w", err)
		}
		if fitsAll(pattern) {
			return fmt.Errorf("group_names: %s fits every group; write everyone: true if that is meant", quote(pattern))
		}
	}
	switch {
	case r.Attribute == "" && r.Values == nil:
		return nil
	case r.Attribute == "":
		return errors.New("values and equals belong to an attribute, which is missing")
	case len(r.Values) == 0:
		return errors.New("attribute: the values that count are missing; give equals or values")
	}
	if err := checkAttribute(r.Attribute); err != nil {
		return fmt.Errorf("attribute: %w", err)
	}
	return nil
}

func (r *GrantRule) checkRole(roles []string) error {
	var given []string
	if r.Role != "" {
		given = append(given, r.Role)
	}
	for _, role := range r.Values {
		if r.Role == "" {
			given = append(given, role)
		}
	}
	slices.Sort(given)
	if len(given) == 0 {
		return errors.New("role is missing; name the role that the rule gives")
	}
	for _, role := range given {
		if !slices.Contains(roles, role) {
			return fmt.Errorf("%s is not one of the set's roles, which are %s%s", quote(role), strings.Join(roles, ", "), didYouMean(role, roles))
		}
	}
	if r.Team != "" && r.TeamFrom != "" {
		return errors.New("team and team_from say both where the role is given; remove one")
	}
	if r.Team != "" {
		if err := cleanText(r.Team); err != nil {
			return fmt.Errorf("team: %w", err)
		}
	}
	if r.TeamFrom != "" {
		if err := oneOf(TeamFromPrimary, TeamFromGroup)(r.TeamFrom); err != nil {
			return fmt.Errorf("team_from: %w", err)
		}
	}
	if r.TeamFrom == TeamFromGroup && len(r.Groups)+len(r.GroupNames) == 0 {
		return errors.New("team_from: a group gives the team only where a group gives the role; use groups or group_names")
	}
	return nil
}
