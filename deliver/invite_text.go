package deliver

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
)

const (
	maxTemplate = 256 << 10 // bytes of one file
	maxLetter   = 512 << 10 // bytes of one part of a mail
	maxSubject  = 150       // characters
	maxName     = 100       // characters of a name in a mail
)

// builtIn is the language of the text that is there without any file.
const builtIn = "en"

const (
	builtInSubject = `Your invite to {{.Product}}`
	builtInText    = `Hello {{.Name}},

you have been invited to {{.Product}}. To accept, open this address:

{{.Link}}

It works until {{.Expires.Format "2 January 2006, 15:04"}} UTC. If you did not expect this mail, ignore it.
`
	builtInHTML = `<!doctype html>
<html lang="en"><body>
<p>Hello {{.Name}},</p>
<p>you have been invited to {{.Product}}.</p>
<p><a href="{{.Link}}">Accept the invite</a></p>
<p>The link works until {{.Expires.Format "2 January 2006, 15:04"}} UTC. If you did not expect this mail, ignore it.</p>
</body></html>
`
)

// InviteText is what a template can use.
type InviteText struct {
	Name      string // first and last name
	FirstName string
	LastName  string
	Product   string
	Link      string // with the signed token
	Expires   time.Time
	Language  string // of the template
	Tenant    string
}

// InviteTemplates are the texts of invites by tenant and language. They are read once.
type InviteTemplates struct{ sets map[string]*inviteTemplate }

type inviteTemplate struct {
	language      string
	subject, text *texttemplate.Template
	html          *htmltemplate.Template // nil: plain text alone
}

// LoadInviteTemplates reads a folder: <language>.subject.txt, <language>.txt and, where there is one, <language>.html, for all tenants
// or in a folder named like the tenant. nil stands for no folder. All problems are told at once.
func LoadInviteTemplates(folder fs.FS) (*InviteTemplates, error) {
	t := &InviteTemplates{sets: map[string]*inviteTemplate{}}
	standard, err := parseInvite(builtIn, builtInSubject, builtInText, builtInHTML)
	if err != nil {
		return nil, err
	}
	t.sets[""] = standard
	if folder == nil {
		return t, nil
	}
	var problems []error
	err = fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base, isSubject := strings.CutSuffix(name, ".subject.txt")
		if entry.IsDir() || !isSubject {
			return nil
		}
		set, err := readInvite(folder, base)
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		tenant := strings.TrimPrefix(path.Dir(base), ".")
		t.sets[tenant+"/"+languageKey(path.Base(base))] = set
		return nil
	})
	if err = errors.Join(append(problems, err)...); err != nil {
		return nil, fmt.Errorf("read the templates of invites: %w", err)
	}
	return t, nil
}

func readInvite(folder fs.FS, base string) (*inviteTemplate, error) {
	read := func(suffix string, needed bool) (string, error) {
		text, err := fs.ReadFile(folder, base+suffix)
		if errors.Is(err, fs.ErrNotExist) && !needed {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if len(text) > maxTemplate {
			return "", fmt.Errorf("%s has %d bytes; at most %d are taken", base+suffix, len(text), maxTemplate)
		}
		return string(text), nil
	}
	subject, err1 := read(".subject.txt", true)
	text, err2 := read(".txt", true)
	html, err3 := read(".html", false)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	set, err := parseInvite(languageKey(path.Base(base)), subject, text, html)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", base, err)
	}
	return set, nil
}

// parseInvite also fills the texts in once, so that a wrong name is found before anybody is to get the mail.
func parseInvite(language, subject, text, html string) (*inviteTemplate, error) {
	s := &inviteTemplate{language: language}
	var err error
	if s.subject, err = texttemplate.New("subject").Option("missingkey=error").Parse(subject); err != nil {
		return nil, err
	}
	if s.text, err = texttemplate.New("text").Option("missingkey=error").Parse(text); err != nil {
		return nil, err
	}
	if html != "" {
		if s.html, err = htmltemplate.New("html").Option("missingkey=error").Parse(html); err != nil {
			return nil, err
		}
	}
	_, err = s.write(InviteText{Name: "Ada Lovelace", FirstName: "Ada", LastName: "Lovelace", Product: "the product", Link: "https://example.com/", Tenant: "default"})
	return s, err
}

// languageKey is the form in which languages are compared: Okta has de_DE as well as de-DE.
func languageKey(language string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(language), "_", "-"))
}

// find returns the text for a person: in their language or its main one, else in the tenant's, each time the tenant's own text before that of
// all, and at last the one that is built in.
func (t *InviteTemplates) find(tenant, language, standard string) *inviteTemplate {
	var wanted []string
	for _, l := range []string{languageKey(language), languageKey(standard)} {
		main, _, _ := strings.Cut(l, "-")
		wanted = append(wanted, l, main)
	}
	for _, l := range slices.Compact(wanted) {
		if set := cmp.Or(t.sets[tenant+"/"+l], t.sets["/"+l]); set != nil && l != "" {
			return set
		}
	}
	return t.sets[""]
}

// writtenInvite is one mail's content.
type writtenInvite struct{ subject, text, html string }

func (s *inviteTemplate) write(v InviteText) (writtenInvite, error) {
	v.Language = s.language
	v.FirstName, v.LastName, v.Name = harmless(v.FirstName), harmless(v.LastName), harmless(v.Name)
	var w writtenInvite
	fill := func(to *string, execute func(*bounded) error) error {
		out := &bounded{}
		if err := execute(out); err != nil {
			return fmt.Errorf("fill in the text of an invite: %w", err)
		}
		*to = out.String()
		return nil
	}
	if err := fill(&w.subject, func(b *bounded) error { return s.subject.Execute(b, v) }); err != nil {
		return w, err
	}
	if err := fill(&w.text, func(b *bounded) error { return s.text.Execute(b, v) }); err != nil {
		return w, err
	}
	if s.html != nil {
		if err := fill(&w.html, func(b *bounded) error { return s.html.Execute(b, v) }); err != nil {
			return w, err
		}
	}
	w.subject = shortened(strings.Join(strings.Fields(harmlessLine(w.subject)), " "), maxSubject)
	return w, nil
}

// bounded keeps a text from growing without end.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxLetter {
		return 0, fmt.Errorf("it has more than %d bytes", maxLetter)
	}
	return b.Buffer.Write(p)
}

// harmless makes a person's name fit for a mail: one line, without control characters and without marks that turn the direction of what
// follows. The directory keeps it as it is.
func harmless(name string) string {
	return shortened(strings.Join(strings.Fields(harmlessLine(name)), " "), maxName)
}

func harmlessLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
}

func shortened(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
