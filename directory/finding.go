package directory

// FindingPart is the part of a tenant's set-up that a finding is about.
type FindingPart string

// The parts.
const (
	PartRead FindingPart = "read" // credentials, app, rights, clock
	PartHook FindingPart = "hook" // the event hook and the address it delivers to
	PartLog  FindingPart = "log"  // the System Log
)

// FindingParts lists the parts in the order in which they are looked at.
func FindingParts() []FindingPart { return []FindingPart{PartRead, PartHook, PartLog} }

// FindingLevel says how bad a finding is.
type FindingLevel string

// The levels.
const (
	FindingOK   FindingLevel = "ok"
	FindingNote FindingLevel = "note" // it works; somebody should look
	FindingFail FindingLevel = "FAIL"
)

// Finding is what a check of the set-up found.
type Finding struct {
	Part  FindingPart // empty for the installation itself
	Level FindingLevel
	What  string // that was looked at
	Says  string // what was found, and what to do
}
