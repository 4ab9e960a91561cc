package directory

import "time"

// TenantRecord is what the database knows about a tenant beside its directory: what the API
// manages, and what admins decided while the service runs.
type TenantRecord struct {
	Tenant string
	// Version is that of the list of tenants when the record last changed.
	Version int64
	// Settings are those of a tenant that the API manages, as JSON and without
	// secrets; empty for one of the configuration file.
	Settings string
	// Secrets are the encrypted ones, by the key of their setting.
	Secrets map[string][]string
	// SeenAt is when a process last had the tenant in its configuration file;
	// nil: never.
	SeenAt  *time.Time
	Pause   *TenantPause   // nil: not paused
	Removal *TenantRemoval // nil: not removed
}

// TenantForgotten is how long a tenant counts as configured after a process has last had it in
// its configuration file. Processes that run say so every TenantSeen.
const (
	TenantForgotten = 15 * time.Minute
	TenantSeen      = 5 * time.Minute
)

// Managed says whether the API manages the tenant's settings.
func (r TenantRecord) Managed() bool { return r.Settings != "" }

// TenantPause says that a tenant's work rests because an admin wants it so. Events are
// kept.
type TenantPause struct {
	At     time.Time
	By     string // name of the admin token
	Reason string
}

// TenantRemoval says that a tenant is being erased.
type TenantRemoval struct {
	At time.Time
	By string // name of the admin token
}

// TenantSource says where a tenant is configured.
type TenantSource string

// The places.
const (
	TenantOfFile TenantSource = "file" // the configuration of this process
	TenantOfAPI  TenantSource = "api"  // the database
	TenantOfNone TenantSource = "none" // nowhere any more, or only with another process
)

// TenantListing is one line of the list of tenants.
type TenantListing struct {
	Tenant  string
	Source  TenantSource
	Pause   *TenantPause
	Removal *TenantRemoval
	// Problem is why nothing works for the tenant, and what to do; empty when all is well.
	Problem string
	// Warning is what somebody should look at although work goes on.
	Warning string
}

// TenantDetail is a tenant with what is configured, as far as may be shown.
type TenantDetail struct {
	TenantListing
	Settings []byte   // JSON without secrets; empty unless the API manages it
	Secrets  []string // the keys of the secrets that are set
}
