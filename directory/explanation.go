package directory

import "time"

// Topic is what an explanation is about.
type Topic string

// The topics.
const (
	TopicStatus  Topic = "status"
	TopicField   Topic = "field"
	TopicTeam    Topic = "team"
	TopicManager Topic = "manager"
	TopicGroup   Topic = "group"
	TopicRole    Topic = "role"
	TopicLicense Topic = "license"
	TopicInvite  Topic = "invite"
)

// Topics lists them in the order in which they are explained.
func Topics() []Topic {
	return []Topic{TopicStatus, TopicField, TopicTeam, TopicManager, TopicGroup, TopicRole, TopicLicense, TopicInvite}
}

// Explanation says of each value of a person where it comes from, and of what is not there, why. It
// holds values, for the admin who asked alone.
type Explanation struct {
	PersonID string
	Known    bool // there is a row of the person; else Missing says why there is none
	Values   []Explained
	Missing  []Explained
	Ignored  []string // attributes that Okta sends for people of the tenant and no rule reads
	// Purged says that the beginning of the history is no longer kept; OldestKept is then when its first change
	// was made, nil when none is left.
	Purged     bool
	OldestKept *time.Time
}

// Explained is a value of a person, or one that is not there.
type Explained struct {
	Topic  Topic
	Name   string // of the field, role, pool; the id of a group; empty where the topic says all
	Value  any    // nil: not there
	Called string // the name of a team, group or person whose id Value is
	Reason string // by which rule or for which reason, in words
	// Origin is the change that made it so; nil: the history does not tell, because that is purged, or it never was otherwise.
	Origin *Origin
}

// Origin is the change since which something is as it is.
type Origin struct {
	Seq    int64
	At     time.Time
	Type   ChangeType
	Before any // what it was until then; nil: nothing
	Cause  Cause
}
