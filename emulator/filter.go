package emulator

import (
	"fmt"
	"strings"
	"time"
)

// The filter language of Okta's search and filter parameters, a form of SCIM's:
//
//	profile.department eq "Sales" and (status eq "ACTIVE" or lastUpdated gt "2026-01-01T00:00:00.000Z")
//
// parseFilter makes a tree; match evaluates it with a function that gives the
// values of an attribute.

// node is one operator of the tree.
type node struct {
	op    string // and, or, not, or a comparison
	left  *node
	right *node
	name  string // attribute, for comparisons
	text  string // literal, as text
	at    int64  // literal as milliseconds, when it is a time
	timed bool
}

// value is what an attribute holds: nothing, texts, or a time.
type value struct {
	set    bool
	text   string
	more   []string // further texts, for attributes with several values
	at     int64
	isTime bool
}

func textValue(s string) value { return value{set: s != "", text: s} }

func timeValue(m millis) value { return value{set: m != 0, at: int64(m), isTime: true} }

// dialect is which operators and attributes a parameter takes.
type dialect struct {
	operators string // space-separated comparisons
	not       bool
	// allows says what is wrong with a comparison, "" when nothing.
	allows func(name, op string) string
}

type parser struct {
	tokens []token
	at     int
	d      dialect
}

type token struct {
	text   string
	quoted bool
}

// parseFilter reads an expression. The error's text says where it is wrong.
func parseFilter(text string, d dialect) (*node, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, d: d}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, fmt.Errorf("unexpected %q", p.tokens[p.at].text)
	}
	return n, nil
}

func lex(text string) ([]token, error) {
	var out []token
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')':
			out = append(out, token{text: string(c)})
			i++
		case c == '"':
			end := stringEnd(text, i)
			if end-1 <= i || text[end-1] != '"' {
				return nil, fmt.Errorf("a quoted value has no end")
			}
			out = append(out, token{text: rawText(text[i:end]), quoted: true})
			i = end
		default:
			start := i
			for i < len(text) && !strings.ContainsRune(" \t\r\n()\"", rune(text[i])) {
				i++
			}
			out = append(out, token{text: text[start:i]})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the expression is empty")
	}
	return out, nil
}

func (p *parser) peek() (token, bool) {
	if p.at >= len(p.tokens) {
		return token{}, false
	}
	return p.tokens[p.at], true
}

func (p *parser) word(w string) bool {
	t, ok := p.peek()
	if !ok || t.quoted || !strings.EqualFold(t.text, w) {
		return false
	}
	p.at++
	return true
}

func (p *parser) or() (*node, error) {
	left, err := p.and()
	for err == nil && p.word("or") {
		var right *node
		right, err = p.and()
		left = &node{op: "or", left: left, right: right}
	}
	return left, err
}

func (p *parser) and() (*node, error) {
	left, err := p.unary()
	for err == nil && p.word("and") {
		var right *node
		right, err = p.unary()
		left = &node{op: "and", left: left, right: right}
	}
	return left, err
}

func (p *parser) unary() (*node, error) {
	if p.d.not && p.word("not") {
		inner, err := p.unary()
		return &node{op: "not", left: inner}, err
	}
	if !p.word("(") {
		return p.comparison()
	}
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.word(")") {
		return nil, fmt.Errorf("a parenthesis is not closed")
	}
	return inner, nil
}

func (p *parser) comparison() (*node, error) {
	name, ok := p.peek()
	if !ok || name.quoted || name.text == ")" {
		return nil, fmt.Errorf("an attribute is expected at the end of %q", p.before())
	}
	p.at++
	op, ok := p.peek()
	if !ok {
		return nil, fmt.Errorf("an operator is expected after %q", name.text)
	}
	p.at++
	n := &node{op: strings.ToLower(op.text), name: name.text}
	if !strings.Contains(" "+p.d.operators+" ", " "+n.op+" ") {
		return nil, fmt.Errorf("operator %q is not supported here", op.text)
	}
	if cause := p.d.allows(n.name, n.op); cause != "" {
		return nil, fmt.Errorf("%s", cause)
	}
	if n.op == "pr" {
		return n, nil
	}
	lit, ok := p.peek()
	if !ok || !lit.quoted && (lit.text == "(" || lit.text == ")") {
		return nil, fmt.Errorf("a value is expected after %q", name.text+" "+op.text)
	}
	p.at++
	n.text = lit.text
	if t, err := time.Parse(time.RFC3339Nano, lit.text); err == nil {
		n.at, n.timed = t.UnixMilli(), true
	}
	return n, nil
}

func (p *parser) before() string {
	var words []string
	for _, t := range p.tokens[:min(p.at, len(p.tokens))] {
		words = append(words, t.text)
	}
	return strings.Join(words, " ")
}

// match evaluates the tree over the values that get gives.
func (n *node) match(get func(name string) value) bool {
	switch n.op {
	case "and":
		return n.left.match(get) && n.right.match(get)
	case "or":
		return n.left.match(get) || n.right.match(get)
	case "not":
		return !n.left.match(get)
	case "pr":
		return get(n.name).set
	}
	v := get(n.name)
	if n.op == "ne" {
		return !n.same(v)
	}
	if !v.set {
		return false
	}
	if n.op == "eq" {
		return n.same(v)
	}
	if v.isTime {
		return n.timed && ordered(n.op, compare(v.at, n.at))
	}
	if n.compareText(v.text) {
		return true
	}
	for _, s := range v.more {
		if n.compareText(s) {
			return true
		}
	}
	return false
}

func (n *node) same(v value) bool {
	if !v.set {
		return false
	}
	if v.isTime {
		return n.timed && v.at == n.at
	}
	if strings.EqualFold(v.text, n.text) {
		return true
	}
	for _, s := range v.more {
		if strings.EqualFold(s, n.text) {
			return true
		}
	}
	return false
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func ordered(op string, c int) bool {
	switch op {
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	default:
		return false
	}
}

// compareText applies sw, ew, co and the order operators, without case: Okta
// compares values of its filters so.
func (n *node) compareText(s string) bool {
	have, want := strings.ToLower(s), strings.ToLower(n.text)
	switch n.op {
	case "sw":
		return strings.HasPrefix(have, want)
	case "ew":
		return strings.HasSuffix(have, want)
	case "co":
		return strings.Contains(have, want)
	default:
		return ordered(n.op, strings.Compare(have, want))
	}
}

// only gives the literal when the whole expression is one equality on name.
func (n *node) only(name string) (string, bool) {
	if n == nil || n.op != "eq" || n.name != name {
		return "", false
	}
	return n.text, true
}
