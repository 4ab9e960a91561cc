package v1

import "time"

// EndpointRequest makes an endpoint.
type EndpointRequest struct {
	Name  string   `json:"name" minLength:"1" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$" doc:"What people call it: small letters, digits and hyphens" example:"crm"`
	URL   string   `json:"url" minLength:"1" maxLength:"2000" doc:"Where changes are posted, over https. Receivers inside of your own network have to be named in deliver.allow" example:"https://app.example.com/webhooks/directory"`
	Types []string `json:"types,omitempty" maxItems:"50" doc:"Only changes of these types; person.* stands for all that begin so. None: all" example:"person.*"`
	Teams []string `json:"teams,omitempty" maxItems:"200" doc:"Only what is about these teams and the people in them, by the teams' ids. None: everything"`
	Kind  string   `json:"kind,omitempty" enum:"hmac-sha256,ed25519" default:"hmac-sha256" doc:"How requests are signed: with a secret that both sides know, or with a key pair of which the receiver gets the public key"`
}

// EndpointChange changes what is given and leaves the rest.
type EndpointChange struct {
	Name  *string   `json:"name,omitempty" minLength:"1" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$"`
	URL   *string   `json:"url,omitempty" minLength:"1" maxLength:"2000"`
	Types *[]string `json:"types,omitempty" maxItems:"50"`
	Teams *[]string `json:"teams,omitempty" maxItems:"200"`
}

// EndpointRotation asks for another secret.
type EndpointRotation struct {
	Kind    string `json:"kind,omitempty" enum:"hmac-sha256,ed25519" doc:"The kind of the new secret; as the newest one has when left out"`
	Overlap string `json:"overlap,omitempty" maxLength:"20" doc:"How long the old secret signs beside the new one, at most 30 days; 24h when left out, 0s ends it at once" example:"24h"`
}

// EndpointReason says why an endpoint is disabled.
type EndpointReason struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500"`
}

// Endpoint is an address that changes are posted to.
type Endpoint struct {
	ID     string   `json:"id" example:"ep_4f1d09b2c3a5e677"`
	Tenant string   `json:"tenant"`
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Types  []string `json:"types" nullable:"false" doc:"Empty: all"`
	Teams  []string `json:"teams" nullable:"false" doc:"Empty: everything"`
	// UnknownTeams are those of Teams that the directory does not have.
	UnknownTeams []string          `json:"unknown_teams,omitempty" doc:"Those of the teams that the directory does not have now: they have not come yet, ended, were merged into others, or are written wrong. Nothing is sent for them"`
	State        string            `json:"state" enum:"working,failing,disabled" doc:"failing: nothing has arrived since the last attempt failed"`
	Disabled     *EndpointDisabled `json:"disabled,omitempty"`
	Secrets      []EndpointSecret  `json:"secrets" nullable:"false" doc:"What requests are signed with, the newest first; the secrets themselves are never shown again"`
	CreatedAt    time.Time         `json:"created_at"`
	CreatedBy    string            `json:"created_by" doc:"Name of the admin token"`
	Health       EndpointHealth    `json:"health"`
	// Secret is in the answers that made it, and nowhere else.
	Secret string `json:"secret,omitempty" doc:"The new secret (whsec_…), or the public key (whpk_…) of a new key pair. A secret is shown this once: hand it to the receiver"`
}

// EndpointDisabled says since when, by whom and why nothing is sent.
type EndpointDisabled struct {
	At     time.Time `json:"at"`
	By     string    `json:"by" doc:"Name of the admin token; oktasync: the receiver wanted no more"`
	Reason string    `json:"reason"`
}

// EndpointSecret says of a secret what may be known.
type EndpointSecret struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" enum:"hmac-sha256,ed25519"`
	PublicKey string     `json:"public_key,omitempty" doc:"whpk_…, what a receiver verifies with"`
	CreatedAt time.Time  `json:"created_at"`
	Until     *time.Time `json:"until,omitempty" doc:"It signs until then"`
}

// EndpointHealth is how the deliveries go.
type EndpointHealth struct {
	Cursor       int64      `json:"cursor" doc:"Changes up to this number are delivered, not asked for, or among the waiting and the dead"`
	Behind       int64      `json:"behind" doc:"Changes after it, of all types and teams"`
	Waiting      int        `json:"waiting" doc:"Changes that failed and are tried again, and those behind them"`
	Dead         int        `json:"dead" doc:"Changes that were given up after the last attempt"`
	Missed       int64      `json:"missed" doc:"Changes that were no longer kept when their turn came"`
	Oldest       *time.Time `json:"oldest,omitempty" doc:"When the first change that is still to be delivered was committed"`
	Attempts     int64      `json:"attempts" doc:"Requests so far"`
	FailingSince *time.Time `json:"failing_since,omitempty"`
	LastSuccess  *time.Time `json:"last_success,omitempty"`
	LastProblem  string     `json:"last_problem,omitempty"`
	RestUntil    *time.Time `json:"rest_until,omitempty" doc:"Nothing is tried before, because everything fails or the receiver asked for it"`
}

// EndpointTest is what came of a test event.
type EndpointTest struct {
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status,omitempty" doc:"Absent: there was no answer"`
	TookMS    int64  `json:"took_ms"`
	Problem   string `json:"problem,omitempty"`
	Answer    string `json:"answer,omitempty" doc:"The first 2 KiB of what the receiver said, without secrets, addresses, and what it repeats"`
}

// Delivery is a change on its way to an endpoint.
type Delivery struct {
	ID       string            `json:"id" doc:"The webhook-id, the same at each attempt" example:"msg_4f1d09b2c3a5_2041"`
	Seq      int64             `json:"seq" doc:"Number of the change"`
	Replay   string            `json:"replay,omitempty" doc:"Id of the replay that it is part of"`
	About    string            `json:"about,omitempty" doc:"The person, team or group whose changes keep their order"`
	State    string            `json:"state" enum:"waiting,dead,delivered"`
	Attempts int               `json:"attempts"`
	NextAt   *time.Time        `json:"next_at,omitempty" doc:"When it is tried again; absent while one about the same waits before it"`
	Status   int               `json:"status,omitempty" doc:"Of the last answer"`
	Problem  string            `json:"problem,omitempty"`
	History  []DeliveryAttempt `json:"history,omitempty" doc:"The attempts that are still kept, in the answer about one delivery only"`
}

// DeliveryAttempt is one request to an endpoint.
type DeliveryAttempt struct {
	No        int64     `json:"no" doc:"Of the endpoint, from 1"`
	Message   string    `json:"message" doc:"The webhook-id"`
	Attempt   int       `json:"attempt" doc:"Of this delivery, from 1"`
	At        time.Time `json:"at"`
	Delivered bool      `json:"delivered"`
	Status    int       `json:"status,omitempty"`
	TookMS    int64     `json:"took_ms"`
	Problem   string    `json:"problem,omitempty"`
	Answer    string    `json:"answer,omitempty"`
}

// DeliveriesRequest names deliveries that are taken up.
type DeliveriesRequest struct {
	ID string `json:"id,omitempty" maxLength:"200" doc:"The webhook-id of one; left out: all"`
}

// ReplayRequest says which changes are sent once more.
type ReplayRequest struct {
	Since  *time.Time `json:"since,omitempty" doc:"Only changes that were committed at this moment or later; left out: all that are kept"`
	Person string     `json:"person,omitempty" maxLength:"320" doc:"Only changes about this person: Okta id, login or e-mail"`
	Types  []string   `json:"types,omitempty" maxItems:"50" doc:"Only changes of these types; person.* stands for all that begin so"`
}

// DeliveriesTaken says how many were.
type DeliveriesTaken struct {
	Deliveries int  `json:"deliveries"`
	AtMost     bool `json:"at_most,omitempty" doc:"Of a replay to an endpoint that asked for some teams: those about other teams and people are left out when their turn comes"`
}
