package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// Rules of a tenant come into force by a run, and nothing else (docs/design.md, "Changed rules").

// RulesStore is what handing rules in takes.
type RulesStore interface {
	// PutRuleset keeps a version of a tenant's rules.
	PutRuleset(ctx context.Context, tenant string, set directory.Ruleset) error
	// Ruleset returns one.
	Ruleset(ctx context.Context, tenant, hash string) (directory.Ruleset, error)
	// RulesState returns which rules of a tenant stand where.
	RulesState(ctx context.Context, tenant string) (directory.RulesState, error)
	// ProposeRules hands in rules that are kept. Those that an admin has refused are handed in only with again.
	ProposeRules(ctx context.Context, tenant, hash string, again bool) (directory.RulesVerdict, error)
	// RunOfRules says whether a run that is to bring the rules into force is under way or waits for an admin.
	RunOfRules(ctx context.Context, tenant, hash string) (bool, error)
	// SeenSets counts the people who are present by the set of attributes that was last looked for.
	SeenSets(ctx context.Context, tenant string) ([]directory.SeenSet, error)
	// CreateRun is RunStore.CreateRun.
	CreateRun(ctx context.Context, run directory.Run) (directory.Run, bool, error)
}

// NewRuleset is the form in which rules are stored. Its hash is the same for rules that say the same.
func NewRuleset(rules directory.Rules) (directory.Ruleset, error) {
	body, err := json.Marshal(rules)
	if err != nil {
		return directory.Ruleset{}, fmt.Errorf("encode the rules: %w", err)
	}
	digest := sha256.Sum256(body)
	m := newMapper(rules)
	return directory.Ruleset{Hash: hex.EncodeToString(digest[:]), Body: body, Basis: m.basis, Attributes: m.named}, nil
}

// ReadRuleset is the reverse.
func ReadRuleset(set directory.Ruleset) (directory.Rules, error) {
	var rules directory.Rules
	if err := json.Unmarshal(set.Body, &rules); err != nil {
		return directory.Rules{}, fmt.Errorf("decode rules %s: %w", directory.ShortHash(set.Hash), err)
	}
	return rules, nil
}

// Proposal hands in the rules of a tenant.
type Proposal struct {
	Tenant string
	Rules  directory.Rules
	Again  bool   // also when an admin has refused them
	By     string // who asked; empty for the service itself
	NewID  func() string
}

// Proposed is what became of a proposal.
type Proposed struct {
	Hash    string
	Verdict directory.RulesVerdict
	Run     directory.Run // that was made for them; without an ID when there is one, or none is needed
}

// Propose hands rules in. The first ones of a tenant are in force at once, for nothing was made by others; any
// others get a run, one whatever the number of processes that hand them in.
func Propose(ctx context.Context, s RulesStore, p Proposal) (Proposed, error) {
	set, err := NewRuleset(p.Rules)
	if err != nil {
		return Proposed{}, err
	}
	if err := s.PutRuleset(ctx, p.Tenant, set); err != nil {
		return Proposed{}, err
	}
	done := Proposed{Hash: set.Hash}
	if done.Verdict, err = s.ProposeRules(ctx, p.Tenant, set.Hash, p.Again); err != nil || done.Verdict != directory.RulesNext {
		return done, err
	}
	done.Run, err = runRules(ctx, s, p.Tenant, set.Hash, directory.Run{By: p.By, ID: p.NewID()})
	return done, err
}

// runRules makes the run that is to bring rules into force, unless there is one.
func runRules(ctx context.Context, s RulesStore, tenant, hash string, run directory.Run) (directory.Run, error) {
	exists, err := s.RunOfRules(ctx, tenant, hash)
	if err != nil || exists {
		return directory.Run{}, err
	}
	set, err := s.Ruleset(ctx, tenant, hash)
	if err != nil {
		return directory.Run{}, err
	}
	run.Tenant, run.Rules, run.Cause, run.State = tenant, hash, directory.CauseRules, directory.RunQueued
	missing, err := unread(ctx, s, tenant, set)
	if err != nil {
		return directory.Run{}, err
	}
	run.Scope = directory.RulesScope(hash)
	if missing != "" {
		run.Scope = directory.FullScope()
		run.Progress.Note = "Okta is read, because the changed rules need " + missing
	}
	made, _, err := s.CreateRun(ctx, run)
	if err != nil {
		return directory.Run{}, fmt.Errorf("make the run of rules %s: %w", directory.ShortHash(hash), err)
	}
	return made, nil
}

// Unread says what rules need that was never read, in words; empty when they can be planned on what was last seen.
func Unread(ctx context.Context, s RulesStore, tenant string, rules directory.Rules) (string, error) {
	set, err := NewRuleset(rules)
	if err != nil {
		return "", err
	}
	return unread(ctx, s, tenant, set)
}

func unread(ctx context.Context, s RulesStore, tenant string, set directory.Ruleset) (string, error) {
	state, err := s.RulesState(ctx, tenant)
	if err != nil {
		return "", err
	}
	if state.InForce == "" {
		return "everything: nothing is known of how the directory was made", nil
	}
	inForce, err := s.Ruleset(ctx, tenant, state.InForce)
	if err != nil {
		return "", err
	}
	before, err := ReadRuleset(inForce)
	if err != nil {
		return "", err
	}
	after, err := ReadRuleset(set)
	if err != nil {
		return "", err
	}
	if !reflect.DeepEqual(before.Groups, after.Groups) {
		return "another selection of groups", nil
	}
	if name := lacking(inForce.Attributes, set.Attributes); name != "" {
		return "the attribute " + name + ", which was never read", nil
	}
	seen, err := s.SeenSets(ctx, tenant)
	if err != nil {
		return "", err
	}
	for _, of := range seen {
		if name := lacking(of.Attributes, set.Attributes); name != "" {
			return fmt.Sprintf("the attribute %s, which was not read yet of %d people", name, of.People), nil
		}
	}
	return "", nil
}

// lacking returns the first of the wanted that is not among have; both are sorted.
func lacking(have, wanted []string) string {
	for _, name := range wanted {
		if _, found := slices.BinarySearch(have, name); !found {
			return name
		}
	}
	return ""
}

// ruledStore refuses transactions once other rules are in force than its own: what was decided by the old
// ones must not be written after. And it sees to it that values which only one person may have can be looked up.
type ruledStore struct {
	Store
	hash   string            // empty: nobody keeps which rules are in force
	unique []directory.Field // custom ones
}

func newRuledStore(s Store, hash string, rules directory.Rules) Store {
	unique := rules.UniqueCustom()
	if hash == "" && len(unique) == 0 {
		return s
	}
	return ruledStore{Store: s, hash: hash, unique: unique}
}

// plain is the store without its rules.
func plain(s Store) Store {
	if ruled, is := s.(ruledStore); is {
		return ruled.Store
	}
	return s
}

// errUnindexed says that the values of unique custom fields are not all in the index yet.
var errUnindexed = errors.New("the index of unique values is not complete")

// Update implements Store. The first one after the unique custom fields have changed makes their index, in
// transactions of a few hundred people each; whoever comes meanwhile helps.
func (s ruledStore) Update(ctx context.Context, tenant string, fn func(context.Context, Tx) error) error {
	for {
		err := s.update(ctx, tenant, func(ctx context.Context, tx Tx) error {
			if !tx.UniqueIndexed(s.unique) {
				return errUnindexed
			}
			return fn(ctx, tx)
		})
		if !errors.Is(err, errUnindexed) {
			return err
		}
		err = s.update(ctx, tenant, func(ctx context.Context, tx Tx) error { return tx.IndexUnique(ctx, s.unique, uniqueBatch) })
		if err != nil {
			return err
		}
	}
}

// uniqueBatch is how many people one transaction takes into the index of unique values.
const uniqueBatch = 500

func (s ruledStore) update(ctx context.Context, tenant string, fn func(context.Context, Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx Tx) error {
		if now := tx.Rules(); s.hash != "" && now != s.hash {
			return &directory.RetryAfterError{Wait: rulesAgainAfter, Err: &directory.RulesMoved{Began: s.hash, InForce: now}}
		}
		return fn(ctx, tx)
	})
}

// under returns an engine that decides by other rules of the tenant. It writes under any that are in force until it
// has brought its own into force, for until then it writes no row. How much a plan may take away is
// judged by the limits in force: a file does not wave itself through.
func (e *Engine) under(ctx context.Context, hash string) (*Engine, error) {
	set, err := e.store.Ruleset(ctx, e.tenant, hash)
	if err != nil {
		return nil, err
	}
	rules, err := ReadRuleset(set)
	if err != nil {
		return nil, err
	}
	other := *e
	rules.Limits = e.rules.Limits
	other.rules, other.mapper, other.grants, other.ruleset = rules, newMapper(rules), newGrantRules(rules.Grants), hash
	other.store = plain(e.store)
	return &other, nil
}

// replaced ends a run of rules that are neither next nor in force any more, before it reads anything.
func (x *execution) replaced(ctx context.Context) (over bool, err error) {
	if x.run.DryRun {
		return false, nil
	}
	state, err := x.engine.store.RulesState(ctx, x.engine.tenant)
	if err != nil || x.run.Rules == state.Next || x.run.Rules == state.InForce {
		return false, err
	}
	x.run = x.engine.finished(x.run, directory.RunOutdated)
	x.run.Error = errReplaced
	return true, x.save(ctx)
}

const errReplaced = "the tenant's rules have changed again since this run was asked for; nothing of it was applied"

// adopt brings the run's rules into force, before anything of its plan is applied. Events that come from now on are
// decided by them, and whoever had begun under the old ones begins again.
func (x *execution) adopt(ctx context.Context) (over bool, err error) {
	e := x.engine
	run := x.run
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		adopted, err := tx.AdoptRules(ctx, run.Rules)
		if err != nil {
			return err
		}
		lease := e.lease
		if over = !adopted; over {
			run, lease = e.finished(run, directory.RunOutdated), 0
			run.Error = errReplaced
		} else if run.Progress.Adopted == nil {
			now := tx.Now()
			run.Progress.Adopted, run.Progress.ChangesAfter = &now, tx.Seq()
		}
		if adopted {
			if err := e.unsettle(ctx, tx); err != nil {
				return err
			}
		}
		return tx.SaveRun(ctx, run, x.owner, lease)
	})
	if err != nil {
		return false, fmt.Errorf("bring rules %s into force: %w", directory.ShortHash(x.run.Rules), err)
	}
	x.run = run
	e.store = newRuledStore(plain(e.store), run.Rules, e.rules)
	return over, nil
}

// planNext makes the run of rules that are next and have none: an earlier one was too old, or has failed.
func (e *Engine) planNext(ctx context.Context) error {
	state, err := e.store.RulesState(ctx, e.tenant)
	if err != nil || state.Next == "" {
		return err
	}
	if _, err := runRules(ctx, e.store, e.tenant, state.Next, directory.Run{ID: e.newID()}); err != nil && !errors.Is(err, directory.ErrConflict) {
		return err
	}
	return nil
}
