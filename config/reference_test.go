package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// go test ./config -update writes docs/configuration.md anew.
var update = flag.Bool("update", false, "write docs/configuration.md from the table of settings")

const referenceFile = "../docs/configuration.md"

func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	intro, err := os.ReadFile("testdata/reference_intro.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(intro) + "\n" + reference()
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what the settings say; run go test ./config -update (-want +got):\n%s", diff)
	}
}

// Every setting is explained in a sentence, and its default is one that it accepts.
func TestSettingsAreDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range append(settings(), tenantSettings()...) {
		if seen[s.key] {
			t.Errorf("%s stands in the table twice", s.key)
		}
		seen[s.key] = true
		if !strings.HasSuffix(s.doc, ".") || len(s.doc) < 15 || s.kind == "" {
			t.Errorf("%s (%s) is described as %q; want a sentence", s.key, s.kind, s.doc)
		}
		if s.secret && !s.fromFile {
			t.Errorf("%s is a secret that can't come from a file", s.key)
		}
		if s.secret && s.def != "" {
			t.Errorf("%s is a secret with a default", s.key)
		}
	}
}

// reference is the generated part: one table for each section.
func reference() string {
	var b strings.Builder
	b.WriteString("## The installation\n\n")
	b.WriteString("These are read at the start: a change counts after a restart, and a reload names what waits for one. Those of a tenant, below, count\nafter a [reload](operations.md#changing-the-configuration).\n")
	tables(&b, settings(), "OKTASYNC_")
	b.WriteString("\n## A tenant\n\n")
	b.WriteString("At the top level of the file these are the settings of the tenant `default`. Of several tenants each has them below\n`tenants.<slug>`, and its variables begin with `OKTASYNC_TENANTS_<SLUG>_` instead of `OKTASYNC_`.\n")
	tables(&b, tenantSettings(), "OKTASYNC_")
	return b.String()
}

func tables(b *strings.Builder, all []setting, prefix string) {
	section := "?"
	steps := map[string]bool{}
	for _, s := range all {
		variable := variableCell(s, prefix)
		// Every field has the same steps: those beside from are told once.
		if step, isStep := mappingStep(s.key); isStep && step != "from" {
			if steps[step] {
				continue
			}
			steps[step] = true
			first := strings.Split(s.key, ".")[1]
			s.key = "mapping.<field>." + step
			s.doc = strings.ReplaceAll(s.doc, "the first name", "the field")
			variable = strings.ReplaceAll(variable, strings.ToUpper(first), "<FIELD>")
		}
		top, _, hasSection := strings.Cut(s.key, ".")
		if !hasSection {
			top = ""
		}
		if top != section {
			section = top
			title := "`" + top + "`"
			if top == "" {
				title = "Single settings"
			}
			fmt.Fprintf(b, "\n### %s\n\n| Setting | Variable | Value | Default | Meaning |\n| --- | --- | --- | --- | --- |\n", title)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", s.key, variable, kindCell(s), defaultCell(s), strings.ReplaceAll(s.doc, "|", `\|`))
	}
}

// mappingStep is the step of a mapping that a setting is.
func mappingStep(key string) (string, bool) {
	parts := strings.Split(key, ".")
	return parts[len(parts)-1], len(parts) == 3 && parts[0] == "mapping"
}

func variableCell(s setting, prefix string) string {
	if !s.byEnvironment() {
		return "in the file only"
	}
	cell := "`" + prefix + s.variable() + "`"
	if s.fromFile {
		cell += " or `…_FILE`"
	}
	return cell
}

func kindCell(s setting) string {
	if s.secret {
		return "secret " + s.kind
	}
	return s.kind
}

func defaultCell(s setting) string {
	switch {
	case s.def == "":
		return "–"
	case s.list:
		return "`[" + strings.ReplaceAll(s.def, ",", ", ") + "]`"
	default:
		return "`" + s.def + "`"
	}
}
