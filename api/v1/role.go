package v1

import "time"

// Role is a role that a person has.
type Role struct {
	Set   string    `json:"set"`
	Role  string    `json:"role"`
	Team  string    `json:"team,omitempty" doc:"The team, workspace or group in which it is given; absent: in the whole tenant"`
	Rule  string    `json:"rule" doc:"The rule of the configuration that gives it, or gave it"`
	Via   string    `json:"via" doc:"What the rule found: a group by id, an attribute, everyone or default"`
	Kept  string    `json:"kept,omitempty" doc:"Why it is there although no rule gives it any more: last (nobody else has it) or protected"`
	Since time.Time `json:"since"`
}

// License is a license that a person holds or waits for.
type License struct {
	Pool          string     `json:"pool"`
	Held          bool       `json:"held" doc:"False: the person is entitled, and there is none left"`
	Place         int        `json:"place,omitempty" doc:"The place among those who wait, from 1"`
	Rule          string     `json:"rule" doc:"The rule of the configuration that gives it, or gave it"`
	Via           string     `json:"via" doc:"What the rule found: a group by id, an attribute, everyone or default"`
	Kept          string     `json:"kept,omitempty" doc:"Why it is there although no rule gives it any more: protected"`
	EntitledSince time.Time  `json:"entitled_since"`
	HeldSince     *time.Time `json:"held_since,omitempty"`
}

// RoleCount is a role with the number of people who have it.
type RoleCount struct {
	Set      string `json:"set"`
	Role     string `json:"role"`
	People   int    `json:"people"`
	KeepLast bool   `json:"keep_last" doc:"It is never taken from the last person who has it"`
	Kept     int    `json:"kept" doc:"Of these, people who have it although no rule gives it any more"`
}

// LicensePool is a pool of licenses.
type LicensePool struct {
	Pool          string `json:"pool"`
	Cap           *int   `json:"cap,omitempty" doc:"How many licenses there are; absent: no end of them"`
	Held          int    `json:"held"`
	Waiting       int    `json:"waiting" doc:"People who are entitled and have none"`
	OnCapDecrease string `json:"on_cap_decrease,omitempty" doc:"Who loses a license when there are fewer than are held"`
}
