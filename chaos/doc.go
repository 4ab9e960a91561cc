// Command chaos torments a real installation and shows that it comes through: what the
// emulated Okta orgs say in the end is in the directory, and nothing was ever in it that
// had not been true.
//
//	go run ./chaos -seeds 20
//	go run ./chaos -mode postgres -seeds 10 -tenants 10
//
// A seed is one org with a random history of its own, and a plan of how Okta and the way
// to it go wrong meanwhile. Some seeds at a time, a round, are tenants of one
// installation: the built binary as a process, with SQLite and the embedded Redis, or two
// replicas with a PostgreSQL and a redis-server of their own. The round's first seed
// plans what happens to that: processes and servers are killed, frozen and emptied, and
// connections are cut by proxies between them (wire.go).
//
//	seed ──> history.go (e2e/installation) ──> emulated org ──hooks──> relay ──> service
//	     └─> plan.go ──> faults of the org, wires, kills                           │
//	                                chronicle.go: was it ever true? <── history <──┤
//	                                replay.go: does it add up?      <──────────────┤
//	                                installation.Comparison         <── directory ─┘
//
// When all is well again, the directory has a time limit to become equal to the org
// (check.go). Then the kit looks at how it got there: the history has no gap and leads
// to the rows; no change was applied twice; everything that it says of somebody was true
// in Okta at a moment before, in this order; no full sync was made beside a new tenant's
// first; the gap meter shows every hook that was lost and every one that was forged, and no
// other (gap.go). At last a full sync is asked for, which must find nothing.
//
// The histories and plans follow from the seed; what the scheduler of the machine makes
// of them does not. A seed that fails is printed with everything that happened, the
// difference, and the command that repeats it. The exit status is then 1.
package main
