package deliver_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
)

// A mail server that says what the script says, line by line, and then closes the connection; "hang" keeps it open in silence.
func scripted(t *testing.T, script ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines, inData := bufio.NewReader(conn), false
		for _, say := range script {
			if say == "hang" {
				for err == nil { // until the client gives up
					_, err = lines.ReadString('\n')
				}
				return
			}
			fmt.Fprintf(conn, "%s\r\n", say)
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if !inData || line == ".\r\n" {
					break
				}
			}
			inData = strings.HasPrefix(say, "354")
		}
	}()
	return listener.Addr().String()
}

// What can be known of a mail: refused and broken before its end it certainly did not go, after that nobody knows.
func TestInviteOutcomes(t *testing.T) {
	t.Parallel()
	upTo := func(more ...string) []string { return append([]string{"220 hi", "250 hi"}, more...) }
	for name, test := range map[string]struct {
		script []string
		want   directory.InviteResult
	}{
		"taken":                       {upTo("250 noop", "250 from", "250 to", "354 go", "250 mine", "250 reset", "221 bye"), directory.InviteTaken},
		"taken, then gone":            {upTo("250 noop", "250 from", "250 to", "354 go", "250 mine"), directory.InviteTaken},
		"not today":                   {[]string{"421 later"}, directory.InviteUnreachable},
		"hangs at once":               {[]string{"hang"}, directory.InviteUnreachable},
		"gone after the greeting":     {[]string{"220 hi"}, directory.InviteUnreachable},
		"sender refused":              {upTo("250 noop", "550 not you", "250 reset", "221 bye"), directory.InviteUnreachable},
		"address refused":             {upTo("250 noop", "250 from", "550 no ada@acme.example", "250 reset", "221 bye"), directory.InviteRefused},
		"address later":               {upTo("250 noop", "250 from", "450 greylisted", "250 reset", "221 bye"), directory.InviteLater},
		"goes away at the address":    {upTo("250 noop", "250 from", "421 closing"), directory.InviteUnreachable},
		"text refused before":         {upTo("250 noop", "250 from", "250 to", "554 no text", "250 reset"), directory.InviteRefused},
		"text refused after":          {upTo("250 noop", "250 from", "250 to", "354 go", "552 too long", "250 reset"), directory.InviteRefused},
		"later after the text":        {upTo("250 noop", "250 from", "250 to", "354 go", "451 later", "250 reset"), directory.InviteLater},
		"dies after the text":         {upTo("250 noop", "250 from", "250 to", "354 go"), directory.InviteUnknown},
		"hangs after the text":        {upTo("250 noop", "250 from", "250 to", "354 go", "hang"), directory.InviteUnknown},
		"talks nonsense after":        {upTo("250 noop", "250 from", "250 to", "354 go", "what?"), directory.InviteUnknown},
		"dies before the text begins": {upTo("250 noop", "250 from", "250 to"), directory.InviteUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := scripted(t, test.script...)
			timeout := 20 * time.Second
			if strings.HasPrefix(name, "hangs") {
				timeout = 500 * time.Millisecond
			}
			mailer, err := deliver.NewMailer(deliver.MailerOptions{Server: address, Plain: true, From: "post@example.com", Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			got := mailer.SendInvite(t.Context(), deliver.Mail{ID: "x", To: []string{"ada@acme.example"}, Subject: "s", Text: "t", HTML: "<p>t</p>", At: time.Now()})
			if got.Result != test.want || strings.Contains(got.Problem, "@") || (got.Problem == "") != (got.Result == directory.InviteTaken) {
				t.Errorf("outcome %+v, want %s", got, test.want)
			}
		})
	}
}

// ledgers are both kinds; each call opens the same one anew, as a restart does.
func ledgers(t *testing.T) map[string]func(t *testing.T) func() deliver.InviteLedger {
	return map[string]func(t *testing.T) func() deliver.InviteLedger{
		"file": func(t *testing.T) func() deliver.InviteLedger {
			path := filepath.Join(t.TempDir(), "directory.db.invites")
			return func() deliver.InviteLedger {
				l := deliver.NewFileLedger(path)
				t.Cleanup(func() { l.Close() })
				return l
			}
		},
		"Redis": func(t *testing.T) func() deliver.InviteLedger {
			address := os.Getenv("OKTASYNC_TEST_REDIS")
			if address == "" {
				t.Fatal("OKTASYNC_TEST_REDIS is not set; run make test, which starts Redis and sets it")
			}
			client := redis.NewClient(&redis.Options{Addr: address})
			t.Cleanup(func() { client.Close() })
			return func() deliver.InviteLedger { return deliver.NewRedisLedger(client) }
		},
	}
}

func TestInviteLedger(t *testing.T) {
	t.Parallel()
	for name, open := range ledgers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := open(t)
			ctx, l, tenant := t.Context(), again(), "tenant-"+strings.ToLower(name)+fmt.Sprint(time.Now().UnixNano())
			t.Cleanup(func() { _ = again().Forget(context.WithoutCancel(ctx), tenant) })
			known := func(want bool) {
				t.Helper()
				if got, err := l.Known(ctx, tenant); err != nil || got != want {
					t.Fatalf("known %t, %v, want %t", got, err, want)
				}
			}
			begin := func(person, previous, issue, attempt string, want bool, sent bool) {
				t.Helper()
				found, may, err := l.Begin(ctx, tenant, person, previous, directory.InviteLedgerEntry{Issue: issue, Attempt: attempt})
				if err != nil || may != want || !may && found.Sent != sent {
					t.Fatalf("begin %s of %s: %t with %+v, %v, want %t", attempt, person, may, found, err, want)
				}
			}
			known(false)
			if err := l.Seed(ctx, tenant, nil); err != nil {
				t.Fatal(err)
			}
			known(true)
			begin("u1", "", "", "a1", true, false)
			begin("u1", "a1", "", "a2", true, false) // the database knows how a1 ended
			if err := l.Sent(ctx, tenant, "u1", directory.InviteLedgerEntry{Attempt: "a2"}); err != nil {
				t.Fatal(err)
			}
			begin("u2", "", "", "b1", true, false)
			l = again()
			known(true)
			begin("u1", "a1", "", "a3", false, true) // an older database
			begin("u1", "", "", "a3", false, true)   // a much older one
			begin("u2", "", "", "b2", false, false)  // it began, and nobody knows more
			begin("u1", "", "once more", "a4", true, false)
			begin("u1", "", "once more", "a5", false, false)
			begin("u1", "a4", "twice more", "a6", true, false)
			begin("u1", "", "once more", "a7", false, false) // a copy from before the second wish
			if err := l.Seed(ctx, tenant, map[string]directory.InviteLedgerEntry{"u3": {Attempt: "c1", Sent: true}}); err != nil {
				t.Fatal(err)
			}
			begin("u3", "", "", "c2", false, true)
			if err := l.Forget(ctx, tenant); err != nil {
				t.Fatal(err)
			}
			l = again()
			known(false)
		})
	}
}

// A power cut in the middle of a line costs that line, which no mail followed.
func TestFileLedgerCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, []byte(`{"tenant":"acme"}`+"\n"+`{"tenant":"acme","person":"u1","attempt":"a1","sent":true}`+"\n"+`{"tenant":"acme","pers`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l := deliver.NewFileLedger(path)
		if _, may, err := l.Begin(t.Context(), "acme", "u1", "", directory.InviteLedgerEntry{Attempt: "a2"}); may || err != nil {
			t.Errorf("begun again: %t, %v", may, err)
		}
		if _, may, err := l.Begin(t.Context(), "acme", "u2", "b1", directory.InviteLedgerEntry{Attempt: "b1"}); !may || err != nil {
			t.Errorf("somebody else: %t, %v", may, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte("not a ledger\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := deliver.NewFileLedger(path).Known(t.Context(), "acme"); err == nil || !strings.Contains(err.Error(), "no entry") {
		t.Errorf("a file that is no ledger: %v", err)
	}
}

func TestInviteLinks(t *testing.T) {
	t.Parallel()
	const old, next = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	links := func(keys ...string) *deliver.Links {
		l, err := deliver.NewLinks(keys)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	now := time.Unix(1_800_000_000, 0)
	token, err := links(old).Token("acme", "u1", "a1", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		links         *deliver.Links
		token, tenant string
		at            time.Time
		want          string
	}{
		"right":              {links(old), token, "acme", now, ""},
		"after a new key":    {links(next, old), token, "acme", now, ""},
		"without the key":    {links(next), token, "acme", now, "not valid"},
		"no key at all":      {links(), token, "acme", now, "not valid"},
		"another tenant's":   {links(old), token, "zenith", now, "not valid"},
		"expired":            {links(old), token, "acme", now.Add(time.Hour), "expired"},
		"changed":            {links(old), "x" + token, "acme", now, "not valid"},
		"without signature":  {links(old), strings.Split(token, ".")[0], "acme", now, "not valid"},
		"nothing":            {links(old), "", "acme", now, "not valid"},
		"signature of other": {links(old), "eHg." + strings.Split(token, ".")[1], "acme", now, "not valid"},
	} {
		person, err := test.links.Verify(test.token, test.tenant, test.at)
		if test.want == "" && (err != nil || person != "u1") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %q, %v", name, person, err)
		}
	}
	if _, err := links().Token("acme", "u1", "a1", now); err == nil {
		t.Error("a token without a key")
	}
	if _, err := deliver.NewLinks([]string{"c2hvcnQ="}); err == nil {
		t.Error("a short key was taken")
	}
}

func TestInviteTemplateProblems(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	_, err := deliver.LoadInviteTemplates(fstest.MapFS{
		"en.subject.txt": file("{{.Subject}}"), "en.txt": file("x"),
		"de.subject.txt":      file("x"),
		"acme/fr.subject.txt": file("x"), "acme/fr.txt": file("{{"),
		"it.subject.txt": file("x"), "it.txt": file(strings.Repeat("x", 256<<10+1)),
	})
	for _, want := range []string{"en", "de.txt", "acme/fr", "it.txt has 262145 bytes"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the problems are %v, want %s among them", err, want)
		}
	}
}
