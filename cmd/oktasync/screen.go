package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// What people and groups are called comes from outside, and may hold what a terminal obeys: escape sequences that
// recolour, move or rename, and marks that turn the direction of what follows. The directory keeps it as it is;
// on a screen it is written so that it can be seen and does nothing.

// obeyed says whether a terminal, or whoever reads its text, would do something with the character.
func obeyed(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	default: // marks of direction that reach further than what stands beside them
		return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}
}

// escaped is how such a character is shown. It is also how JSON writes it.
func escaped(r rune) string { return fmt.Sprintf(`\u%04x`, r) }

// shown is a text from outside on one line of a screen, harmless.
func shown(text string) string {
	if !strings.ContainsFunc(text, obeyed) {
		return text
	}
	var line strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			line.WriteString(`\n`)
		case r == '\t':
			line.WriteString(`\t`)
		case obeyed(r):
			line.WriteString(escaped(r))
		default:
			line.WriteRune(r)
		}
	}
	return line.String()
}

// screen is what commands write to. Whatever they forgot to make harmless becomes it here: all but line ends and tabs,
// also in JSON, which reads the same.
type screen struct {
	to   io.Writer
	left []byte // the beginning of a character whose end was not written yet
}

func (s *screen) Write(p []byte) (int, error) {
	text := append(s.left, p...)
	s.left = nil
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1 && !utf8.FullRune(text):
			s.left, size = append([]byte(nil), text...), len(text)
		case r == utf8.RuneError && size == 1:
			out = append(out, string(utf8.RuneError)...)
		case obeyed(r) && r != '\n' && r != '\t':
			out = append(out, escaped(r)...)
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	if _, err := s.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func isTerminal(w io.Writer) bool {
	if s, wrapped := w.(*screen); wrapped {
		w = s.to
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// widestColumn bounds what a column is made as wide as: one long value makes its own line ragged, and no other.
const widestColumn = 120

// leftToRight is a mark that cannot be seen. Behind a value that is read from the right it keeps the next column on its right.
const leftToRight = "\u200e"

// table prints rows in columns below a header, whose parts are separated by tabs. Widths are those on a screen, where a character of
// Chinese takes two places and an accent none.
func table(out io.Writer, header string, rows [][]string) error {
	all := append([][]string{strings.Split(header, "\t")}, rows...)
	var widths []int
	for _, row := range all {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if w := uniseg.StringWidth(shown(cell)); w <= widestColumn {
				widths[i] = max(widths[i], w)
			}
		}
	}
	mark := isTerminal(out)
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			text := shown(cell)
			line.WriteString(text)
			if mark && strings.ContainsFunc(text, fromTheRight) {
				line.WriteString(leftToRight)
			}
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", max(0, widths[i]-uniseg.StringWidth(text))+2))
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// padded fills a text up with spaces to a width on the screen.
func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-uniseg.StringWidth(text)))
}

// fromTheRight says whether a character is one of the scripts that are written from right to left.
func fromTheRight(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Samaritan, unicode.Mandaic, unicode.Adlam)
}
