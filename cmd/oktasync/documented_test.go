package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocumentedCommands: each command line that a page prints is understood, with its arguments and flags.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```(?:console|sh)\n(.*?)```")
	line := regexp.MustCompile(`(?m)^\s*(?:\$ )?(?:bin/)?oktasync (\S.*)$`)
	inText := regexp.MustCompile("`oktasync ([^`…]+)`")
	understood := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, b := range block.FindAllStringSubmatch(string(text), -1) {
			for _, match := range line.FindAllStringSubmatch(b[1], -1) {
				lines = append(lines, match[1])
			}
		}
		whole := len(lines) // in running text a command may lack what it needs
		for _, match := range inText.FindAllStringSubmatch(string(text), -1) {
			lines = append(lines, match[1])
		}
		for i, line := range lines {
			parser, err := kong.New(&commands{}, kong.Name("oktasync"), kong.Exit(func(int) {})) // it remembers what it has parsed
			if err != nil {
				t.Fatal(err)
			}
			_, err = parser.Parse(words(line))
			if err != nil && !strings.Contains(err.Error(), "no such file") && (i < whole || regexp.MustCompile("unknown|unexpected").MatchString(err.Error())) {
				t.Errorf("%s prints oktasync %s: %v", filepath.Base(page), line, err)
			}
			understood++
		}
	}
	if understood < 50 {
		t.Errorf("only %d command lines were found: the expressions no longer fit", understood)
	}
}

// words splits a command line as a shell does, up to a comment or another command.
func words(line string) []string {
	var all []string
	for _, match := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|(#.*|&&.*|[|>;].*)|([^\s'"]+)`).FindAllStringSubmatch(line, -1) {
		if match[3] != "" {
			break
		}
		all = append(all, match[1]+match[2]+match[4])
	}
	return all
}
