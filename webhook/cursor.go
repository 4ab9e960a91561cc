package webhook

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// cursor walks over JSON that json.Valid has accepted. It picks out the few
// members that the endpoint reads and steps over the rest, whatever its type,
// without building it: a delivery is mostly members that nobody here needs.
// It never recurses, so depth costs no stack. On a text that is not valid it
// would read nonsense, but never outside the text.
type cursor struct {
	text []byte
	at   int
}

// space steps over white space and returns the byte there, 0 at the end.
func (c *cursor) space() byte {
	for c.at < len(c.text) {
		switch b := c.text[c.at]; b {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// step moves on by one byte, but never past the end.
func (c *cursor) step() {
	if c.at < len(c.text) {
		c.at++
	}
}

// object calls member for each member of the object at the cursor; member must
// step over the value. Anything that is not an object is stepped over, and the
// result is false.
func (c *cursor) object(member func(name []byte)) bool {
	if c.space() != '{' {
		c.skip()
		return false
	}
	c.at++
	for {
		switch c.space() {
		case '"':
			name := c.name()
			c.space()
			c.step() // the colon
			member(name)
		case ',':
			c.at++
		default: // the closing brace, or the end
			c.step()
			return true
		}
	}
}

// array calls element for each element of the array at the cursor; element must
// step over the value. Anything that is not an array is stepped over, and the
// result is false.
func (c *cursor) array(element func()) bool {
	if c.space() != '[' {
		c.skip()
		return false
	}
	c.at++
	for {
		switch c.space() {
		case ',':
			c.at++
		case ']', 0:
			c.step()
			return true
		default:
			element()
		}
	}
}

// string returns the string at the cursor; any other value is stepped over and
// gives "".
func (c *cursor) string() string {
	if c.space() != '"' {
		c.skip()
		return ""
	}
	return unquote(c.quoted())
}

// name returns the member name at the cursor. Like most, it is not copied.
func (c *cursor) name() []byte {
	quoted := c.quoted()
	if bytes.IndexByte(quoted, '\\') < 0 && len(quoted) >= 2 {
		return quoted[1 : len(quoted)-1]
	}
	return []byte(unquote(quoted))
}

// skip steps over the value at the cursor and returns its text.
func (c *cursor) skip() []byte {
	switch c.space() {
	case '"':
		return c.quoted()
	case '{', '[':
		return c.nested()
	default:
		return c.literal()
	}
}

// quoted steps over the string at the cursor and returns it with its quotes.
func (c *cursor) quoted() []byte {
	start := c.at
	c.at++
	for c.at < len(c.text) {
		end := bytes.IndexByte(c.text[c.at:], '"')
		if end < 0 {
			c.at = len(c.text)
			break
		}
		c.at += end + 1
		if !c.escaped(c.at-1, start+1) {
			break
		}
	}
	return c.text[start:c.at]
}

// escaped says whether an odd number of backslashes stands before position at.
func (c *cursor) escaped(at, start int) bool {
	n := 0
	for at-1-n >= start && c.text[at-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// nested steps over an object or array.
func (c *cursor) nested() []byte {
	start, depth := c.at, 0
	for c.at < len(c.text) {
		switch c.text[c.at] {
		case '"':
			c.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.at++
		if depth == 0 {
			break
		}
	}
	return c.text[start:c.at]
}

// literal steps over a number, true, false or null, and at least one byte, so
// that every loop ends.
func (c *cursor) literal() []byte {
	start := c.at
	for c.at < len(c.text) {
		switch c.text[c.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			if c.at > start {
				return c.text[start:c.at]
			}
		}
		c.at++
	}
	return c.text[start:c.at]
}

// unquote decodes a JSON string that still has its quotes.
func unquote(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	plain := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain)
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}
