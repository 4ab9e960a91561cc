package v1

// Reloaded is what became of a configuration that was loaded anew.
type Reloaded struct {
	NeedRestart []string  `json:"need_restart" nullable:"false" doc:"Settings that have changed in the file and count only after a restart"`
	Tenants     []RulesOf `json:"tenants" nullable:"false"`
}

// RulesOf says which rules of a tenant stand where, by their hash.
type RulesOf struct {
	Tenant  string `json:"tenant"`
	InForce string `json:"in_force" doc:"The rules by which people are mapped now"`
	Next    string `json:"next,omitempty" doc:"Changed rules that a run is to bring into force; see the tenant's runs"`
	Refused string `json:"refused,omitempty" doc:"Rules whose run an admin rejected"`
}
