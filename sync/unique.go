package sync

import (
	"context"
	"fmt"
	"maps"

	"github.com/oktasync/oktasync/directory"
)

// waitersAtMost is how many people one commit has looked at who wait for unique values that it frees. The next full
// sync settles the others.
const waitersAtMost = 100

// uniqueValue is the form in which the field's value is compared; empty when there is none.
func uniqueValue(p *directory.Profile, f directory.Field) string {
	return directory.FoldValue(valueIn(p, f))
}

// uniqueKey tells a field's value from those of others.
func uniqueKey(f directory.Field, value string) string { return string(f) + ":" + value }

// unique takes out writes that would give two present people the same unique
// value. Who holds it keeps it; within a batch the first one gets it. A change
// that takes access away is never stopped.
func (b *batch) unique(ctx context.Context, writes []personWrite, unique []directory.Field) ([]personWrite, []directory.Quarantined, error) {
	taken, err := b.holders(ctx, writes, unique)
	if err != nil {
		return nil, nil, fmt.Errorf("look up unique values: %w", err)
	}
	if taken == nil {
		return writes, nil, nil
	}
	// What this batch frees may be taken in the same batch: a login that moves
	// from one id to another does so in one commit. Whoever cannot have the new value
	// frees nothing, which may stand in the way of the next: so again until nobody is added.
	blocked := map[string]directory.Quarantined{}
	for {
		held, before := maps.Clone(taken), len(blocked)
		for _, w := range writes {
			for _, f := range unique {
				key := uniqueKey(f, uniqueValue(&w.before.Profile, f))
				if _, stays := blocked[w.after.ID]; w.frees(f) && !stays && held[key] == w.after.ID {
					delete(held, key)
				}
			}
		}
		var free []personWrite
		for _, w := range writes {
			if _, stays := blocked[w.after.ID]; stays {
				continue
			}
			if q, clash := w.clash(unique, held); clash {
				blocked[w.after.ID] = q
				continue
			}
			for _, f := range unique {
				if w.claims(f) {
					held[uniqueKey(f, uniqueValue(&w.after.Profile, f))] = w.after.ID
				}
			}
			free = append(free, w)
		}
		if len(blocked) == before {
			var duplicates []directory.Quarantined
			for _, id := range sortedKeys(blocked) {
				duplicates = append(duplicates, blocked[id])
			}
			return free, duplicates, nil
		}
	}
}

// clash returns the quarantine entry for a write that claims what another holds.
func (w *personWrite) clash(unique []directory.Field, held map[string]string) (directory.Quarantined, bool) {
	for _, f := range unique {
		holder := held[uniqueKey(f, uniqueValue(&w.after.Profile, f))]
		if w.claims(f) && holder != "" && holder != w.after.ID {
			return directory.Quarantined{
				PersonID: w.after.ID, Fields: []directory.Field{f}, Holder: holder,
				Reason: fmt.Sprintf("person %s already has the same %s, and the rules allow it only once; "+
					"correct one of the two in Okta, or take %s off the list of unique fields", holder, f, f),
			}, true
		}
	}
	return directory.Quarantined{}, false
}

// claims says whether the write makes the person hold the field's value anew.
func (w *personWrite) claims(f directory.Field) bool {
	value := uniqueValue(&w.after.Profile, f)
	if value == "" || !w.after.Present() {
		return false
	}
	return !w.before.Present() || uniqueValue(&w.before.Profile, f) != value
}

// frees says whether the person had a value of the field and gives it up.
func (w *personWrite) frees(f directory.Field) bool {
	value := uniqueValue(&w.before.Profile, f)
	if value == "" || !w.before.Present() {
		return false
	}
	return !w.after.Present() || uniqueValue(&w.after.Profile, f) != value
}

// holders returns who has the values that the writes claim, by uniqueKey; nil when they claim none.
func (b *batch) holders(ctx context.Context, writes []personWrite, unique []directory.Field) (map[string]string, error) {
	refs := map[string]bool{}
	var custom []directory.UniqueValue
	for i := range writes {
		for _, f := range unique {
			if !writes[i].claims(f) {
				continue
			}
			value := uniqueValue(&writes[i].after.Profile, f)
			if _, is := f.Custom(); is {
				custom = append(custom, directory.UniqueValue{Field: f, Value: value})
			} else {
				refs[value] = true
			}
		}
	}
	if len(refs) == 0 && custom == nil {
		return nil, nil
	}
	taken := map[string]string{}
	people, err := b.tx.Identify(ctx, sortedKeys(refs))
	if err != nil {
		return nil, err
	}
	for _, p := range people {
		taken[uniqueKey(directory.FieldLogin, directory.Fold(p.Login))] = p.PersonID
		taken[uniqueKey(directory.FieldEmail, directory.Fold(p.Email))] = p.PersonID
		taken[uniqueKey(directory.FieldEmployeeNumber, directory.Fold(p.EmployeeNumber))] = p.PersonID
	}
	values, err := b.tx.UniqueHolders(ctx, custom)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		taken[uniqueKey(v.Field, v.Value)] = v.PersonID
	}
	return taken, nil
}

// offer has those looked at again who are quarantined because of a value that was freed.
func (b *batch) offer(ctx context.Context, writes []personWrite) error {
	var holders []string
	for i := range writes {
		for _, f := range b.engine.rules.Unique {
			if writes[i].frees(f) {
				holders = append(holders, writes[i].after.ID)
				break
			}
		}
	}
	return b.tx.LookAtWaiting(ctx, holders, waitersAtMost)
}
