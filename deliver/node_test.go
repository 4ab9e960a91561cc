package deliver_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/oktasync/oktasync/deliver"
)

// TestOthersVerify: what a poster signs is verified by the specification's own library for Node, and by Node's Ed25519: each
// of the keys of a rotation by itself, and nothing else is.
func TestOthersVerify(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("testdata/verify/node_modules/standardwebhooks"); err != nil {
		t.Fatal("the library for Node is not installed: run scripts/install-tools.sh, as make test does")
	}
	old, renewed := deliver.NewSharedSecret(), deliver.NewSharedSecret()
	private, public, err := deliver.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	_, another, err := deliver.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	var signers []*deliver.Signer
	for _, secret := range []string{private, renewed, old} {
		s, err := deliver.NewSigner(secret)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
	}
	got := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { got <- q.Header }))
	t.Cleanup(server.Close)
	p := deliver.NewPoster(deliver.PosterOptions{Allow: loopback("127.0.0.1/32")})
	t.Cleanup(p.Close)
	const body = `{"type":"person.updated","fields":[{"field":"title","after":"Leiterin für <Übersee> ☕"}]}`
	if r := p.Post(t.Context(), deliver.Message{URL: server.URL, Signers: signers, ID: "evt_1_9f3ac1d2e4b5a697", Body: []byte(body)}); !r.Delivered {
		t.Fatalf("result %+v", r)
	}
	sent := <-got
	headers := map[string]string{}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		headers[name] = sent.Get(name)
	}
	type message struct {
		Key     string            `json:"key"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
	}
	messages := []message{
		{renewed, body, headers}, {old, body, headers}, {public, body, headers},
		{deliver.NewSharedSecret(), body, headers}, {renewed, body + " ", headers}, {another, body, headers}, {public, body + " ", headers},
	}
	input, err := json.Marshal(messages)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "verify.mjs")
	node.Dir, node.Stdin, node.Stderr = "testdata/verify", bytes.NewReader(input), os.Stderr
	output, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []bool
	if err := json.Unmarshal(output, &verdicts); err != nil || !slices.Equal(verdicts, []bool{true, true, true, false, false, false, false}) {
		t.Errorf("Node says %s, %v", output, err)
	}
}
