package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/seal"
	"github.com/oktasync/oktasync/store"
)

type keysCommand struct {
	New    keysNewCommand    `cmd:"" help:"Print a new key for encryption.keys."`
	List   keysListCommand   `cmd:"" help:"List the keys by id, and how many tenants and secrets of endpoints need each."`
	Rotate keysRotateCommand `cmd:"" help:"Encrypt all stored credentials with the first of encryption.keys."`
}

type keysNewCommand struct{}

func (keysNewCommand) Run(e *env) error {
	key := seal.NewKey()
	keys, err := seal.NewKeys([]string{key})
	if err != nil {
		return err
	}
	fmt.Fprintln(e.out, key)
	fmt.Fprintf(e.err, "This is key %s. Keep it where you keep the database's password, but not in the database's backup: "+
		"whoever has both can read the credentials of all tenants, and whoever loses it has to enter them anew.\n", keys.IDs()[0])
	return nil
}

// openKeys opens the keys and the database that a configuration names.
func openKeys(e *env) (*seal.Keys, *store.DB, error) {
	cfg, err := e.load(false)
	if err != nil {
		return nil, nil, err
	}
	keys, err := encryptionKeys(cfg)
	if err != nil {
		return nil, nil, err
	}
	db, err := openStore(e.ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := db.CheckSchema(e.ctx); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return keys, db, nil
}

type keysListCommand struct{}

func (keysListCommand) Run(e *env) error {
	keys, db, err := openKeys(e)
	if err != nil {
		return err
	}
	defer db.Close()
	records, err := db.TenantRecords(e.ctx)
	if err != nil {
		return err
	}
	needed := map[string]int{}
	for _, r := range records {
		for _, id := range keysOf(r) {
			needed[id]++
		}
	}
	endpoints, err := db.EndpointSecrets(e.ctx)
	if err != nil {
		return err
	}
	signing := map[string]int{}
	for _, p := range endpoints {
		for _, s := range p.Secrets {
			signing[seal.KeyID(s.Sealed)]++
		}
	}
	for id := range signing {
		if needed[id] == 0 {
			needed[id] = 0 // it may be missing
		}
	}
	var rows [][]string
	for i, id := range keys.IDs() {
		use := "decrypts"
		if i == 0 {
			use = "encrypts and decrypts"
		}
		rows = append(rows, []string{id, use, fmt.Sprint(needed[id]), fmt.Sprint(signing[id])})
		delete(needed, id)
	}
	for _, id := range slices.Sorted(maps.Keys(needed)) {
		rows = append(rows, []string{id, "MISSING: add it to encryption.keys", fmt.Sprint(needed[id]), fmt.Sprint(signing[id])})
	}
	return table(e.out, "KEY\tUSE\tTENANTS\tENDPOINT SECRETS", rows)
}

// keysOf returns the ids of the keys that a tenant's secrets need, sorted.
func keysOf(r directory.TenantRecord) []string {
	ids := map[string]bool{}
	for _, sealed := range r.Secrets {
		for _, text := range sealed {
			ids[seal.KeyID(text)] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

type keysRotateCommand struct{}

// Run encrypts the data keys of all tenants anew. The secrets themselves stay as they are, so a
// service that runs meanwhile notices nothing.
func (keysRotateCommand) Run(e *env) error {
	keys, db, err := openKeys(e)
	if err != nil {
		return err
	}
	defer db.Close()
	if len(keys.IDs()) == 0 {
		return seal.ErrNoKey
	}
	records, err := db.TenantRecords(e.ctx)
	if err != nil {
		return err
	}
	done, failed := 0, []error{}
	for _, r := range records {
		changed, err := rewrap(e, keys, db, r)
		if err != nil {
			failed = append(failed, fmt.Errorf("tenant %s: %w", r.Tenant, err))
		}
		if changed {
			done++
		}
	}
	signing, endpointsFailed := rewrapEndpoints(e, keys, db)
	failed = append(failed, endpointsFailed...)
	if signing > 0 {
		fmt.Fprintf(e.out, "The secrets of %d endpoint(s) are encrypted with key %s now.\n", signing, keys.IDs()[0])
	}
	fmt.Fprintf(e.out, "The credentials of %d tenant(s) are encrypted with key %s now.\n", done, keys.IDs()[0])
	if len(failed) > 0 {
		return fmt.Errorf("%d tenant(s) or endpoint(s) could not be done and are as they were:\n%w", len(failed), errors.Join(failed...))
	}
	if len(keys.IDs()) > 1 {
		fmt.Fprintf(e.out, "Nothing needs %s any more. Take it out of encryption.keys once every process has been started with the new key.\n",
			strings.Join(keys.IDs()[1:], ", "))
	}
	return nil
}

// rewrap encrypts one tenant's data keys anew, and says whether that was needed. When the tenant is
// changed at the same moment, it is looked at again.
func rewrap(e *env, keys *seal.Keys, db *store.DB, r directory.TenantRecord) (bool, error) {
	for attempt := 1; ; attempt++ {
		changed := false
		secrets := make(map[string][]string, len(r.Secrets))
		for key, sealed := range r.Secrets {
			for _, text := range sealed {
				renewed, err := keys.Rewrap(text, r.Tenant, key)
				if err != nil {
					return false, fmt.Errorf("%s can't be decrypted: %w", key, err)
				}
				changed = changed || renewed != text
				secrets[key] = append(secrets[key], renewed)
			}
		}
		if !changed {
			return false, nil
		}
		r.Secrets = secrets
		err := db.ReplaceSecrets(e.ctx, r)
		if err == nil || attempt == 5 || !errors.Is(err, directory.ErrConflict) {
			return err == nil, err
		}
		if r, err = db.TenantRecord(e.ctx, r.Tenant); err != nil {
			return false, err
		}
	}
}

// rewrapEndpoints does the same for what endpoints sign with, and returns how many it was needed for.
func rewrapEndpoints(e *env, keys *seal.Keys, db *store.DB) (done int, failed []error) {
	for attempt := 1; attempt <= 5; attempt++ { // one that is changed meanwhile is looked at again
		failed = nil
		endpoints, err := db.EndpointSecrets(e.ctx)
		if err != nil {
			return done, []error{err}
		}
		for _, p := range endpoints {
			changed, err := rewrapEndpoint(e, keys, db, p)
			if err != nil {
				failed = append(failed, fmt.Errorf("endpoint %s of tenant %s: %w", p.ID, p.Tenant, err))
			}
			if changed {
				done++
			}
		}
		if !slices.ContainsFunc(failed, func(err error) bool { return errors.Is(err, directory.ErrConflict) }) {
			break
		}
	}
	return done, failed
}

func rewrapEndpoint(e *env, keys *seal.Keys, db *store.DB, p directory.Endpoint) (bool, error) {
	changed := false
	for i := range p.Secrets {
		s := &p.Secrets[i]
		renewed, err := keys.Rewrap(s.Sealed, p.Tenant, "endpoint", p.ID, s.ID)
		if err != nil {
			return false, fmt.Errorf("secret %s can't be decrypted: %w", s.ID, err)
		}
		changed = changed || renewed != s.Sealed
		s.Sealed = renewed
	}
	if !changed {
		return false, nil
	}
	if err := db.ReplaceEndpointSecrets(e.ctx, p); err != nil {
		return false, err
	}
	return true, nil
}
