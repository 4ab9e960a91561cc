package main

import (
	"fmt"
	"strconv"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// grants returns the rules about roles and licenses of a tenant of the list; none for any other.
func (r *registry) grants(slug string) directory.GrantRules {
	tenant, _ := r.find(slug)
	return grantsOf(tenant.settings)
}

type rolesCommand struct{ remote }

func (c rolesCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	roles, err := service.Roles(e.ctx, c.remote.Tenant)
	if err != nil {
		return err
	}
	rows := make([][]string, len(roles.Items))
	for i, r := range roles.Items {
		note := ""
		if r.KeepLast {
			note = "never taken from the last"
		}
		if r.Kept > 0 {
			note += fmt.Sprintf(" (%d keep it although no rule gives it)", r.Kept)
		}
		rows[i] = []string{r.Set, r.Role, strconv.Itoa(r.People), note}
	}
	return table(e.out, "SET\tROLE\tPEOPLE\t", rows)
}

type licensesCommand struct{ remote }

func (c licensesCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	pools, err := service.Licenses(e.ctx, c.remote.Tenant)
	if err != nil {
		return err
	}
	rows := make([][]string, len(pools.Items))
	for i, p := range pools.Items {
		most := "none"
		if p.Cap != nil {
			most = strconv.Itoa(*p.Cap)
		}
		rows[i] = []string{p.Pool, most, strconv.Itoa(p.Held), strconv.Itoa(p.Waiting)}
	}
	return table(e.out, "POOL\tCAP\tHELD\tWAITING", rows)
}

// roleWords says what role somebody has, where, and why.
func roleWords(r v1.Role) string {
	text := r.Role
	if r.Team != "" {
		text += " in " + r.Team
	}
	return text + " " + becauseWords(r.Rule, r.Via, r.Kept)
}

// licenseWords says what license somebody has, or waits for, and why.
func licenseWords(l v1.License) string {
	if !l.Held {
		return fmt.Sprintf("none of %s: all are held, place %d in line since %s UTC %s", l.Pool, l.Place, stamp(&l.EntitledSince), becauseWords(l.Rule, l.Via, l.Kept))
	}
	return l.Pool + " " + becauseWords(l.Rule, l.Via, l.Kept)
}

func becauseWords(rule, via, kept string) string {
	if kept == "" {
		return fmt.Sprintf("(rule %s, %s)", rule, via)
	}
	return fmt.Sprintf("(kept: %s; no rule gives it any more, it was rule %s, %s)", kept, rule, via)
}
