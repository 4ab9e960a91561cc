package webhook

import (
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

func BenchmarkDecode(b *testing.B) {
	now := time.Date(2026, 8, 20, 9, 15, 5, 0, time.UTC)
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			body := deliveryBody("bench", groupAdds(n)...)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				d, err := decode(body, ourApp, now)
				if err != nil || len(directory.HintsOf("acme", d.events)) != n {
					b.Fatalf("decoded %d events: %v", len(d.events), err)
				}
			}
		})
	}
}
