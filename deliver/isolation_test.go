package deliver_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
)

// TestOthersPass: while one receiver says nothing and another one thinks, with everything still before them, the other
// three get everything, though all share one database with one writer.
func TestOthersPass(t *testing.T) {
	t.Parallel()
	poster := deliver.NewPoster(deliver.PosterOptions{Allow: loopback("127.0.0.1/32"), Timeout: time.Hour}) // nobody is given up here
	t.Cleanup(poster.Close)
	o := newProduct(t, func(o *deliver.CourierOptions) { o.Post = poster.Post })
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free) // or the receivers would not close
	held := make(chan string, 1000)
	ill := map[string]*receiver{}
	for _, id := range []string{"dead", "slow"} {
		ill[id] = newReceiver(t, func(http.ResponseWriter, directory.Change) {
			held <- id
			<-release
		})
		o.endpoint(id, ill[id].URL)
	}
	well := map[string]*receiver{}
	for _, id := range []string{"a", "b", "c"} {
		well[id] = newReceiver(t, nil)
		o.endpoint(id, well[id].URL)
	}
	var people []string
	for n := range 300 {
		people = append(people, fmt.Sprintf("p%d", n%60))
	}
	o.happen(people...)
	ended := make(chan error, 5)
	begin := func(id string) {
		go func() { ended <- o.courier.Turn(t.Context(), directory.LaneHint{Tenant: "acme", Endpoint: id}) }()
	}
	await := func(n int) {
		t.Helper()
		for range n {
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("a turn does not end")
			}
		}
	}
	waiting := map[string]bool{}
	begin("dead")
	begin("slow")
	for len(waiting) < 2 {
		select {
		case id := <-held:
			waiting[id] = true
		case <-time.After(time.Minute):
			t.Fatal("a receiver gets nothing")
		}
	}
	for id := range well {
		begin(id)
	}
	await(len(well))
	for id, r := range well {
		if n := len(r.seqs("")); n != 300 {
			t.Errorf("%d changes arrived at %s while others kept their answers, want 300", n, id)
		}
	}
	for id := range ill {
		if h := o.health(id); h.Cursor != 0 || h.LastSuccess != nil {
			t.Errorf("health of the one that is %s: %+v", id, h)
		}
	}
	free()
	await(len(ill))
}
