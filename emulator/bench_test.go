package emulator_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/emulator"
)

// million lets the benchmarks run with 1,000,000 people:
// go test -run - -bench . -million ./emulator/
var million = flag.Bool("million", false, "run the benchmarks with 1,000,000 people too")

func sizes() []int {
	if *million {
		return []int{10_000, 1_000_000}
	}
	return []int{10_000}
}

// BenchmarkAppUsersPage serves pages of 500 app users with their users, all
// over the list.
func BenchmarkAppUsersPage(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			org, err := emulator.New(emulator.Options{People: n, Limits: emulator.Unlimited()})
			if err != nil {
				b.Fatal(err)
			}
			h := org.Handler()
			first := "/api/v1/apps/" + org.AppID() + "/users?expand=user&limit=500"
			path, size := first, 0
			b.ResetTimer()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodGet, path, nil)
				req.Header.Set("Authorization", "SSWS "+emulator.DefaultToken)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
				size = w.Body.Len()
				path = first
				for _, line := range w.Header().Values("Link") {
					if url, ok := strings.CutSuffix(line, `>; rel="next"`); ok {
						path = strings.TrimPrefix(url, "<http://example.com")
					}
				}
			}
			b.ReportMetric(float64(size), "bytes/page")
		})
	}
}

// BenchmarkMemory makes an org and reports what it holds.
func BenchmarkMemory(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				org, err := emulator.New(emulator.Options{People: n, Groups: 200, GroupSize: max(50, n/1000)})
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/person")
				b.ReportMetric(float64(after.Sys)/(1<<20), "MiB/process")
				runtime.KeepAlive(org)
			}
		})
	}
}
