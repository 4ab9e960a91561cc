package deliver

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1111": true, "100.63.255.255": true, "100.128.0.1": true, "172.32.0.1": true,
		"127.0.0.1": false, "127.8.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"100.64.0.1": false, "169.254.169.254": false, "192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false,
		"192.88.99.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "fc00::1": false, "fd12::1": false,
		"fe80::1": false, "fec0::1": false, "ff02::1": false, "100::1": false, "3fff::1": false, "5f00::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t, want %t", text, got, want)
		}
	}
}

func TestEndpointAddresses(t *testing.T) {
	t.Parallel()
	g := guard{allow: []Receiver{{Host: "app.internal", Port: 8443}, {Network: netip.MustParsePrefix("10.1.2.0/24")}}}
	for url, want := range map[string]string{
		"https://app.example.com/in?key=1":    "",
		"https://app.internal:8443/":          "",
		"http://app.internal:8443/":           "",
		"http://10.1.2.3/":                    "",
		"https://8.8.8.8/":                    "",
		"http://8.8.8.8/":                     "is not https",
		"http://169.254.169.254/latest":       "is not https",
		"https://169.254.169.254/latest":      "not public",
		"https://[::ffff:127.0.0.1]/":         "not public",
		"https://127.0.0.1/":                  "not public",
		"https://10.1.3.1/":                   "not public",
		"ftp://app.example.com/":              "neither https nor http",
		"https://user:pw@app.example.com/":    "a user",
		"https://app.example.com/#x":          "fragment",
		"https:///in":                         "not an address",
		"app.example.com":                     "not an address",
		"https://app.example.com:0/":          "port",
		"https://a.example/" + longPath(2000): "too long",
	} {
		err := g.checkURL(url)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60s: %v, want %q", url, err, want)
		}
	}
	// A name may stand for an address in an allowed network, which is seen when it is connected to.
	if err := g.checkURL("http://app.example.com/"); err != nil {
		t.Error(err)
	}
	if err := (&guard{}).checkURL("http://app.example.com/"); err == nil {
		t.Error("without TLS to anywhere")
	}
}

func longPath(n int) string { return strings.Repeat("x", n) }

func TestRedacted(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"person.updated","person_id":"00u1","fields":[{"field":"title","after":"Lighthouse Keeper"}],"state":{"person":{"profile":{"first_name":"Zoë & Co","custom":{"badge":"B-77","desk":40713,"status":"on parole"}}}}}`)
	for answer, want := range map[string]string{
		"thanks":                               "thanks",
		"unknown title Lighthouse Keeper":      "unknown title " + hidden,
		"badge B-77 of 00u1":                   "badge " + hidden + " of 00u1",
		"LIGHTHOUSE keeper":                    hidden,
		"nobody who is on parole":              "nobody who is " + hidden,
		`{"name":"Zo\u00eb & Co"}`:             `{"name":"` + hidden + `"}`,
		`{"name":"Zoë \u0026 Co"}`:             `{"name":"` + hidden + `"}`,
		"<b>Zoë &amp; Co</b>":                  "<b>" + hidden + "</b>",
		"?name=Zo%C3%AB+%26+Co&desk=40713":     "?name=" + hidden + "&desk=" + hidden,
		"bad v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE=":  "bad " + hidden,
		"not whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2": "not " + hidden,
		"ada.l+x@example.com is no user":       hidden + " is no user",
		"a\x00b\x1b[31mc\u202ed\nnext \xff":    "ab[31mcd\nnext \uFFFD",
		"my-signature":                         hidden,
	} {
		if got := redacted([]byte(answer), body, "my-signature"); got != want {
			t.Errorf("%q becomes %q, want %q", answer, got, want)
		}
	}
	edge := strings.Repeat("x", answerKept-5) + " Lighthouse Keeper " + strings.Repeat("y", 100)
	if got := redacted([]byte(edge), body, ""); len(got) > answerKept || strings.Contains(got, "Light") || !strings.HasSuffix(got, "x […") {
		t.Errorf("a value at the edge leaves %q", got[len(got)-20:])
	}
}

// TestRedactedAfterMuch: of an answer to a message with very many values, or very long ones, nothing is kept, and looking
// for them does not take the memory that they would need.
func TestRedactedAfterMuch(t *testing.T) {
	for name, body := range map[string]string{
		"a MiB":      `{"state":{"person":{"profile":{"custom":{"notes":"` + strings.Repeat("ab<é", 1<<18) + `"}}}}}`,
		"600 values": `{"fields":["` + strings.Join(strings.Fields(strings.Repeat("value ", 600)), `","`) + `"]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := redacted([]byte("I do not want <b>ab<éab<é</b>"), []byte(body), "my-signature")
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; got != hidden || taken > 50<<20 {
			t.Errorf("%s: %q is kept, and %d MiB were taken", name, got, taken>>20)
		}
	}
}
