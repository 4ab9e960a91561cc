package sync

import (
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// identities are the people whom one manager pass may name.
type identities struct {
	rules   directory.ManagerRules
	present map[string]bool
	byText  map[directory.ManagerRef]map[string][]string // folded text to ids, among the present
	away    map[string]directory.Person                  // by id: everybody else who was named
}

func newIdentities(rules directory.ManagerRules, found []directory.Identity) *identities {
	k := &identities{rules: rules, present: map[string]bool{}, byText: map[directory.ManagerRef]map[string][]string{}, away: map[string]directory.Person{}}
	for _, f := range found {
		k.present[f.PersonID] = true
		for ref, text := range textsOf(f) {
			if key := directory.Fold(text); key != "" {
				if k.byText[ref] == nil {
					k.byText[ref] = map[string][]string{}
				}
				k.byText[ref][key] = append(k.byText[ref][key], f.PersonID)
			}
		}
	}
	return k
}

// textsOf returns what a person can be called beside the id.
func textsOf(i directory.Identity) map[directory.ManagerRef]string {
	return map[directory.ManagerRef]string{
		directory.ManagerByLogin: i.Login, directory.ManagerByEmail: i.Email,
		directory.ManagerByNumber: i.EmployeeNumber, directory.ManagerByName: i.Name,
	}
}

func (k *identities) refs() []directory.ManagerRef {
	if len(k.rules.Resolve) == 0 {
		return directory.DefaultManagerRefs()
	}
	return k.rules.Resolve
}

// choose says whom a person is to have as their manager. Somebody who is not present has none.
//
//	an admin chose one for the person       that one
//	mode override                           Okta's; where Okta says nothing, the one set on the team
//	mode individual                         Okta's
//	mode first_member                       the team's; where it has none, or it is the person, Okta's
func (k *identities) choose(edge directory.ManagerEdge) target {
	lead, source := edge.Team.Lead(k.rules.Mode)
	leads := lead != "" && lead != edge.PersonID
	oktaNames := len(k.texts(edge)) > 0
	switch {
	case !edge.Present:
		return target{}
	case edge.Chosen != "":
		return k.given(edge, edge.Chosen, directory.ManagerFromAdmin)
	case leads && (k.rules.Mode == directory.ManagersFirstMember || !oktaNames):
		return k.given(edge, lead, source)
	case oktaNames:
		return k.named(edge, edge.Wanted)
	default:
		return target{}
	}
}

// given is a manager whom somebody named by id.
func (k *identities) given(edge directory.ManagerEdge, id string, source directory.ManagerSource) target {
	switch {
	case id == edge.PersonID:
		return target{source: source, problem: directory.ManagerSelf}
	case k.present[id]:
		return target{id: id, source: source}
	case k.known(id):
		return target{id: id, source: source, problem: directory.ManagerLeft}
	default: // erased: nothing is kept of them
		return target{source: source, problem: directory.ManagerLeft}
	}
}

// known says whether more than a tombstone is there of somebody who is not present.
func (k *identities) known(id string) bool {
	row, exists := k.away[id]
	return exists && !row.IsTombstone()
}

// texts are what Okta says: managerId before manager, as far as they are filled. Where only a linked object
// names somebody, that is one empty text. Okta keeps free text in both (Users API, "managerId": no referential integrity).
func (k *identities) texts(edge directory.ManagerEdge) []string {
	texts := slices.DeleteFunc([]string{edge.IDText, edge.Text}, func(text string) bool { return text == "" })
	if len(texts) == 0 && edge.Link != "" && slices.Contains(k.refs(), directory.ManagerByLink) {
		return []string{""}
	}
	return texts
}

// named is the manager whom Okta means. before is whom it meant so far: when it means
// nobody now, and that person has left under a name that fits, it still means that one.
func (k *identities) named(edge directory.ManagerEdge, before string) target {
	worst := target{}
	for _, text := range k.texts(edge) {
		t := k.lookUp(text, edge.Link)
		t.source = directory.ManagerFromOkta
		if t.id == edge.PersonID {
			t.id, t.problem = "", directory.ManagerSelf
		}
		if t.id != "" {
			return t
		}
		// The first text that at least matched somebody says the most about what is wrong.
		if worst.problem == "" || worst.problem == directory.ManagerUnresolved {
			worst = t
		}
	}
	if worst.problem == directory.ManagerUnresolved && k.known(before) && k.fits(k.away[before], edge) {
		worst.id, worst.problem = before, directory.ManagerLeft
	}
	return worst
}

// lookUp goes through the ways to a manager, by a text and by the id that a linked object has.
func (k *identities) lookUp(text, link string) target {
	key := directory.Fold(text)
	for _, ref := range k.refs() {
		matches := k.byText[ref][key]
		switch {
		case ref == directory.ManagerByID && k.present[text]:
			matches = []string{text}
		case ref == directory.ManagerByLink && k.present[link]:
			matches = []string{link}
		}
		switch len(matches) {
		case 0:
			continue
		case 1:
			return target{id: matches[0]}
		default:
			return target{problem: directory.ManagerAmbiguous}
		}
	}
	return target{problem: directory.ManagerUnresolved}
}

// fits says whether one of the texts, or the linked object, means this person, who is not present.
func (k *identities) fits(p directory.Person, edge directory.ManagerEdge) bool {
	texts := textsOf(directory.Identity{Login: p.Profile.Login, Email: p.Profile.Email, EmployeeNumber: p.Profile.EmployeeNumber, Name: p.Profile.Name()})
	return slices.ContainsFunc(k.texts(edge), func(text string) bool {
		return slices.ContainsFunc(k.refs(), func(ref directory.ManagerRef) bool {
			switch ref {
			case directory.ManagerByID:
				return text == p.ID
			case directory.ManagerByLink:
				return edge.Link == p.ID
			default:
				return text != "" && directory.Fold(texts[ref]) == directory.Fold(text)
			}
		})
	})
}
