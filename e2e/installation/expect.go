package installation

import (
	"strings"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// wanted is what a present person must look like.
type wanted struct {
	Status, OktaStatus, Assignment string
	Profile                        v1.Profile
	Team, Manager                  string
	IDText, Text                   string
}

// expected is what the directory must hold.
type expected struct {
	present     map[string]wanted
	quarantined map[string]bool // people whose record lacks a required field
}

// expect applies the rules of docs/design.md, in a way of its own, to the truth.
// Quarantined people who are in the directory already keep the profile that
// they have.
func expect(truth emulator.Snapshot, app string, have Copy) expected {
	e := expected{present: map[string]wanted{}, quarantined: map[string]bool{}}
	for _, p := range truth.People {
		if !p.AssignedTo(app) || p.Status == emulator.Deprovisioned {
			continue
		}
		want := wanted{Status: StatusFor(p.Status), OktaStatus: string(p.Status), Profile: ProfileOf(p)}
		for _, g := range p.Apps {
			if g.AppID == app {
				want.Assignment = g.Scope
			}
		}
		want.Team, want.IDText, want.Text = want.Profile.Department, text(p, "managerId"), text(p, "manager")
		if want.Profile.FirstName == "" || want.Profile.LastName == "" || want.Profile.Email == "" {
			e.quarantined[p.ID] = true
			row, there := have.People[p.ID]
			if !there || row.Status == "removed" || row.Status == "deactivated" {
				continue
			}
			want.Profile, want.IDText, want.Text, want.Team = row.Profile, row.Manager.IDText, row.Manager.Text, row.Profile.Department
		}
		e.present[p.ID] = want
	}
	setManagers(e.present)
	return e
}

// StatusFor is the directory's status of somebody who is assigned to the app.
func StatusFor(okta emulator.Status) string {
	switch okta {
	case emulator.Active, emulator.Provisioned, emulator.Recovery, emulator.PasswordExpired:
		return "active"
	case emulator.Deprovisioned:
		return "deactivated"
	default:
		return "suspended"
	}
}

func text(p emulator.Person, attribute string) string { return strings.TrimSpace(p.Text(attribute)) }

// ProfileOf is the profile that the default mapping makes of a person in Okta.
func ProfileOf(p emulator.Person) v1.Profile {
	language := text(p, "preferredLanguage")
	if language == "" {
		language = text(p, "locale")
	}
	return v1.Profile{
		FirstName: text(p, "firstName"), LastName: text(p, "lastName"), Email: text(p, "email"), Login: text(p, "login"),
		Picture: text(p, "profileUrl"), Title: text(p, "title"), Language: language, Location: text(p, "city"),
		Department: text(p, "department"), EmployeeNumber: text(p, "employeeNumber"),
	}
}

// setManagers resolves the texts among the present people: managerId first, each as
// Okta id, login, unique e-mail, employee number. Whoever stands on a loop has none.
func setManagers(people map[string]wanted) {
	logins, emails, numbers := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for id, p := range people {
		logins[strings.ToLower(p.Profile.Login)] = append(logins[strings.ToLower(p.Profile.Login)], id)
		emails[strings.ToLower(p.Profile.Email)] = append(emails[strings.ToLower(p.Profile.Email)], id)
		numbers[p.Profile.EmployeeNumber] = append(numbers[p.Profile.EmployeeNumber], id)
	}
	find := func(text string) string {
		if text == "" {
			return ""
		}
		if _, isID := people[text]; isID {
			return text
		}
		for _, index := range []map[string][]string{logins, emails} {
			if found := index[strings.ToLower(text)]; len(found) == 1 {
				return found[0]
			}
		}
		if found := numbers[text]; len(found) == 1 {
			return found[0]
		}
		return ""
	}
	boss := map[string]string{}
	for id, p := range people {
		if boss[id] = find(p.IDText); boss[id] == "" {
			boss[id] = find(p.Text)
		}
	}
	for id, p := range people {
		if p.Manager = boss[id]; onLoop(boss, id) {
			p.Manager = ""
		}
		people[id] = p
	}
}

func onLoop(boss map[string]string, start string) bool {
	seen := map[string]bool{}
	for at := boss[start]; at != "" && !seen[at]; at = boss[at] {
		if at == start {
			return true
		}
		seen[at] = true
	}
	return false
}
