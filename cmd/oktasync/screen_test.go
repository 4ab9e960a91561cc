package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// hostile is a name that would clear the screen, forge a row, turn what follows around and rename the window.
const hostile = "Eve\x1b[2J\r\n00u9\tactive\u202egnp\u009b31m\x07"

func TestShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Zoë 王小明 עדה":         "Zoë 王小明 עדה",
		hostile:               `Eve\u001b[2J\u000d\n00u9\tactive\u202egnp\u009b31m\u0007`,
		"می\u200cخواهم\u200f": "می\u200cخواهم\u200f", // joiners and marks beside a letter are part of how names are written
		"":                    "",
	} {
		if got := shown(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestScreen: whatever a command writes, and in whatever pieces, the terminal obeys nothing of it but the ends of lines.
func TestScreen(t *testing.T) {
	t.Parallel()
	asJSON, err := json.Marshal(map[string]string{"name": hostile + "\x7f"})
	if err != nil {
		t.Fatal(err)
	}
	for name, pieces := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader} {
		var out strings.Builder
		if _, err := io.Copy(&screen{to: &out}, pieces(strings.NewReader("a\tב\n"+hostile+"\xff\n"+string(asJSON)))); err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitN(out.String(), "\n", 4)
		if len(lines) != 4 || lines[0] != "a\tב" || lines[1] != `Eve\u001b[2J\u000d` || lines[2] != `00u9`+"\t"+`active\u202egnp\u009b31m\u0007`+"\ufffd" {
			t.Fatalf("%s: written was %q", name, lines)
		}
		var read struct{ Name string }
		if err := json.Unmarshal([]byte(lines[3]), &read); err != nil || read.Name != hostile+"\x7f" || strings.ContainsFunc(lines[3], obeyed) {
			t.Errorf("%s: the JSON is %s and reads as %q, %v", name, lines[3], read.Name, err)
		}
	}
}

func TestPlainValue(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{"1000500": 1000500.0, "-1.5": -1.5, "Ada": "Ada", "true": true, "go, a b, 7": []any{"go", "a b", "7"}} {
		if got := plainValue(value); got != want {
			t.Errorf("%v is shown as %q, want %q", value, got, want)
		}
	}
}

// TestTable: columns stand below each other in every script, a hostile value forges no row, and a long one widens none.
func TestTable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	var out strings.Builder
	err := table(&out, "ID\tNAME\tTEAM", [][]string{
		{"1", "Ada", "Sales"}, {"2", "王小明", "Sales"}, {"3", "Zoe\u0308", "Sales"}, {"4", "\u05e2\u05d3\u05d4", "Sales"},
		{"5", "a\nb\tc", "Sales"}, {"6", long, "Sales"}, {"7", "Ed", ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "ID  NAME     TEAM\n" +
		"1   Ada      Sales\n" +
		"2   王小明   Sales\n" +
		"3   Zoe\u0308      Sales\n" +
		"4   \u05e2\u05d3\u05d4      Sales\n" +
		`5   a\nb\tc  Sales` + "\n" +
		"6   " + long + "  Sales\n" +
		"7   Ed\n"
	if got := out.String(); got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
}
