package logevent

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Cursor walks over JSON. It picks out the few members that are wanted and steps
// over the rest, whatever its type, without building it: a delivery, or a page of the
// log, is mostly members that nobody here needs. It never recurses, so depth costs
// no stack.
type Cursor struct {
	text []byte
	at   int
}

// NewCursor returns a cursor at the beginning of text, and false when that is not
// valid JSON as a whole. A byte order mark in front is dropped.
func NewCursor(text []byte) (*Cursor, bool) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	return &Cursor{text: text}, json.Valid(text)
}

// space steps over white space and returns the byte there, 0 at the end.
func (c *Cursor) space() byte {
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
func (c *Cursor) step() {
	if c.at < len(c.text) {
		c.at++
	}
}

// Object calls member for each member of the object at the cursor; member must
// step over the value. Anything that is not an object is stepped over, and the
// result is false.
func (c *Cursor) Object(member func(name []byte)) bool {
	if c.space() != '{' {
		c.Skip()
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

// Array calls element for each element of the array at the cursor; element must
// step over the value. Anything that is not an array is stepped over, and the
// result is false.
func (c *Cursor) Array(element func()) bool {
	if c.space() != '[' {
		c.Skip()
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

// String returns the string at the cursor; any other value is stepped over and
// gives "".
func (c *Cursor) String() string {
	if c.space() != '"' {
		c.Skip()
		return ""
	}
	return unquote(c.quoted())
}

// name returns the member name at the cursor. Like most, it is not copied.
func (c *Cursor) name() []byte {
	quoted := c.quoted()
	if bytes.IndexByte(quoted, '\\') < 0 && len(quoted) >= 2 {
		return quoted[1 : len(quoted)-1]
	}
	return []byte(unquote(quoted))
}

// Skip steps over the value at the cursor and returns its text.
func (c *Cursor) Skip() []byte {
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
func (c *Cursor) quoted() []byte {
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
func (c *Cursor) escaped(at, start int) bool {
	n := 0
	for at-1-n >= start && c.text[at-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// nested steps over an object or array.
func (c *Cursor) nested() []byte {
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
func (c *Cursor) literal() []byte {
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
