package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// What a configuration file may hold at most. The parser works by recursion, so a
// file of brackets alone could exhaust the stack.
const (
	maxFileBytes = 1 << 20
	maxLineBytes = 16 << 10
	maxBrackets  = 10_000
	maxNodes     = 100_000
	maxDepth     = 16
)

type nodeKind int

const (
	nullNode nodeKind = iota
	scalarNode
	listNode
	mapNode
)

// node is a piece of the file with its position. Scalars keep the text as it was
// written, so that an employee number 007 is not read as a number.
type node struct {
	kind    nodeKind
	text    string
	items   []*node
	entries []entry
	line    int
	column  int
}

type entry struct {
	key   string
	name  *node // the key's position
	value *node
}

// syntaxError is a fault of the file itself.
type syntaxError struct {
	line, column int
	text         string
}

func (e *syntaxError) Error() string { return e.text }

// parse reads the file into a tree. A nil tree is an empty file. Errors carry no
// text of the file beyond single characters and key names, because the file may hold secrets.
func parse(content []byte) (root *node, err error) {
	if err := checkSize(content); err != nil {
		return nil, err
	}
	// The parser is a third party's and reads what a person typed: a panic in it
	// must not end the process without a sentence.
	defer func() {
		if failure := recover(); failure != nil {
			root, err = nil, &syntaxError{text: "is not valid YAML, and the parser can't say where; check the indentation and the quotes"}
		}
	}()
	file, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, describe(err)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, at(bodies[1], "holds a second document; keep one and remove the line ---")
	}
	c := &converter{anchors: map[string]ast.Node{}}
	root, err = c.convert(bodies[0], 0)
	if err != nil {
		return nil, err
	}
	if root.kind == nullNode {
		return nil, nil
	}
	if root.kind != mapNode {
		return nil, at(bodies[0], "is not a list of settings; begin with a line such as \"okta:\"")
	}
	return root, nil
}

func checkSize(content []byte) error {
	if len(content) > maxFileBytes {
		return &syntaxError{text: fmt.Sprintf("has %d bytes, a configuration has at most %d", len(content), maxFileBytes)}
	}
	for i, line := range bytes.Split(content, []byte("\n")) {
		if len(line) > maxLineBytes {
			return &syntaxError{line: i + 1, column: 1, text: fmt.Sprintf("the line has %d bytes, a line has at most %d", len(line), maxLineBytes)}
		}
	}
	if n := bytes.Count(content, []byte("[")) + bytes.Count(content, []byte("{")); n > maxBrackets {
		return &syntaxError{text: fmt.Sprintf("has %d opening brackets, a configuration has at most %d", n, maxBrackets)}
	}
	return nil
}

// describe takes message and position from the parser's error, never the lines of the
// file that it would quote.
func describe(err error) error {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return &syntaxError{text: "is not valid YAML; check the indentation and the quotes"}
	}
	// What the parser puts in double quotes is text of the file.
	message, _, _ := strings.Cut(syntax.Message, "\"")
	e := &syntaxError{text: "is not valid YAML: " + strings.TrimSpace(message)}
	if syntax.Token != nil && syntax.Token.Position != nil {
		e.line, e.column = syntax.Token.Position.Line, syntax.Token.Position.Column
	}
	return e
}

func at(n ast.Node, format string, args ...any) error {
	line, column := position(n)
	return &syntaxError{line: line, column: column, text: fmt.Sprintf(format, args...)}
}

func position(n ast.Node) (line, column int) {
	// A mapping's own token is its first colon; its first key is what a reader looks for.
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			return position(m.Values[0])
		}
	case *ast.MappingValueNode:
		if m.Key != nil {
			return position(m.Key)
		}
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0, 0
	}
	return n.GetToken().Position.Line, n.GetToken().Position.Column
}

// converter turns the parser's tree into ours.
type converter struct {
	anchors map[string]ast.Node
	nodes   int
}

func (c *converter) convert(from ast.Node, depth int) (*node, error) {
	// Aliases may repeat whole branches, so it is the result that is counted.
	if c.nodes++; c.nodes > maxNodes {
		return nil, at(from, "holds too many values once its aliases are filled in")
	}
	if depth > maxDepth {
		return nil, at(from, "is nested too deeply; a configuration has at most %d levels", maxDepth)
	}
	to := &node{}
	to.line, to.column = position(from)
	switch n := from.(type) {
	case nil, *ast.NullNode:
		return to, nil
	case *ast.StringNode:
		to.kind, to.text = scalarNode, n.Value
	case *ast.LiteralNode:
		to.kind, to.text = scalarNode, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		to.kind, to.text = scalarNode, n.GetToken().Value
	case *ast.SequenceNode:
		to.kind = listNode
		for _, value := range n.Values {
			item, err := c.convert(value, depth+1)
			if err != nil {
				return nil, err
			}
			to.items = append(to.items, item)
		}
	case *ast.MappingNode:
		return to, c.mapping(to, n.Values, depth)
	case *ast.MappingValueNode:
		return to, c.mapping(to, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		c.anchors[n.Name.GetToken().Value] = n.Value
		return c.convert(n.Value, depth+1)
	case *ast.AliasNode:
		target, known := c.anchors[n.Value.GetToken().Value]
		if !known {
			return nil, at(from, "the alias has no anchor before it; put a value that begins with * in quotes")
		}
		return c.convert(target, depth+1)
	default:
		return nil, at(from, "uses a part of YAML that a configuration does not need (%s)", strings.ToLower(from.Type().String()))
	}
	return to, nil
}

func (c *converter) mapping(to *node, values []*ast.MappingValueNode, depth int) error {
	to.kind = mapNode
	for _, pair := range values {
		switch pair.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		default:
			return at(pair, "the key is not a plain word; merge keys (<<) and complex keys are not supported")
		}
		value, err := c.convert(pair.Value, depth+1)
		if err != nil {
			return err
		}
		name := &node{kind: scalarNode, text: pair.Key.GetToken().Value}
		name.line, name.column = position(pair.Key)
		to.entries = append(to.entries, entry{key: name.text, name: name, value: value})
	}
	return nil
}
