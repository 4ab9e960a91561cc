package okta

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// BenchmarkFullPull reads 10,000 people and 200 groups of 50 from an org that takes
// 30 ms a call.
func BenchmarkFullPull(b *testing.B) {
	server, r := emulated(b, emulator.Options{People: 10_000, Groups: 200, GroupSize: 50, Limits: emulator.Unlimited()})
	if _, err := server.Org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Delay: emulator.Duration(30 * time.Millisecond)}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		people := 0
		for page, err := range r.Pull(b.Context(), full()) {
			if err != nil {
				b.Fatal(err)
			}
			people += len(page.People)
		}
		if people != 10_000 {
			b.Fatalf("%d people", people)
		}
	}
}

// BenchmarkDecode reads one page of 500 app users with their users, and one of 500
// members of which only the ids are wanted.
func BenchmarkDecode(b *testing.B) {
	var items, users []any
	for range 500 {
		items = append(items, withUser(appUserJSON(ada, "ACTIVE")))
		users = append(users, userJSON(ada, "ACTIVE"))
	}
	for _, test := range []struct {
		name   string
		items  []any
		decode func([]byte) error
	}{
		{"app users", items, func(body []byte) error { _, err := decodeList[appUser](body); return err }},
		{"members", users, func(body []byte) error { _, err := decodeList[identified](body); return err }},
	} {
		b.Run(test.name, func(b *testing.B) {
			body, err := json.Marshal(test.items)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := test.decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
