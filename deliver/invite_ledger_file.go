package deliver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/oktasync/oktasync/directory"
)

// FileLedger is a ledger beside a SQLite file, for installations of one process. Each line is one fact, written to the disk before the call returns:
// a power cut may cost SQLite its last commits, and must not cost the ledger its own.
type FileLedger struct {
	path string

	mu      sync.Mutex
	file    *os.File // opened with the first use, so that whoever invites nobody has no file
	entries map[string]map[string]directory.InviteLedgerEntry
}

// fileLine is a line: a person's last attempt, that a tenant is known (no person), or that it is forgotten.
type fileLine struct {
	Tenant  string `json:"tenant"`
	Person  string `json:"person,omitempty"`
	Issue   string `json:"issue,omitempty"`
	Attempt string `json:"attempt,omitempty"`
	Sent    bool   `json:"sent,omitempty"`
	Forget  bool   `json:"forget,omitempty"`
}

// NewFileLedger returns a ledger in the file, which is read, or made, with the first use.
func NewFileLedger(path string) *FileLedger { return &FileLedger{path: path} }

// Close closes the file.
func (l *FileLedger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// open reads the file. What was cut off at its end was never answered for: Begin had not returned.
func (l *FileLedger) open() error {
	if l.file != nil {
		return nil
	}
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the ledger of invites: %w", err)
	}
	entries, whole, err := readLedger(file)
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(l.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("read the ledger of invites %s: %w", l.path, err), file.Close())
	}
	l.file, l.entries = file, entries
	return nil
}

func readLedger(file *os.File) (map[string]map[string]directory.InviteLedgerEntry, int64, error) {
	entries, whole := map[string]map[string]directory.InviteLedgerEntry{}, int64(0)
	lines := bufio.NewReader(file)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, whole, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var line fileLine
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, 0, fmt.Errorf("after %d bytes stands what is no entry: %w", whole, err)
		}
		whole += int64(len(text))
		line.apply(entries)
	}
}

func (f fileLine) apply(entries map[string]map[string]directory.InviteLedgerEntry) {
	if f.Forget {
		delete(entries, f.Tenant)
		return
	}
	if entries[f.Tenant] == nil {
		entries[f.Tenant] = map[string]directory.InviteLedgerEntry{}
	}
	if f.Person != "" {
		entries[f.Tenant][f.Person] = directory.InviteLedgerEntry{Issue: f.Issue, Attempt: f.Attempt, Sent: f.Sent}
	}
}

// syncFolder makes sure that a file that was made is found after a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// add writes lines. The caller holds the lock and has opened the file.
func (l *FileLedger) add(lines ...fileLine) error {
	var text []byte
	for _, line := range lines {
		one, err := json.Marshal(line)
		if err != nil {
			return err
		}
		text = append(append(text, one...), '\n')
	}
	_, err := l.file.Write(text)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		// What stands in the file is not known: it is read again with the next use.
		err = errors.Join(err, l.file.Close())
		l.file = nil
		return fmt.Errorf("write the ledger of invites %s: %w", l.path, err)
	}
	for _, line := range lines {
		line.apply(l.entries)
	}
	return nil
}

// Known implements InviteLedger.
func (l *FileLedger) Known(_ context.Context, tenant string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return false, err
	}
	_, known := l.entries[tenant]
	return known, nil
}

// Begin implements InviteLedger.
func (l *FileLedger) Begin(_ context.Context, tenant, person, previous string, entry directory.InviteLedgerEntry) (directory.InviteLedgerEntry, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return directory.InviteLedgerEntry{}, false, err
	}
	if found, has := l.entries[tenant][person]; has && !mayBegin(found, previous, entry.Issue) {
		return found, false, nil
	}
	return entry, true, l.add(fileLine{Tenant: tenant, Person: person, Issue: entry.Issue, Attempt: entry.Attempt})
}

// Sent implements InviteLedger.
func (l *FileLedger) Sent(_ context.Context, tenant, person string, entry directory.InviteLedgerEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return err
	}
	return l.add(fileLine{Tenant: tenant, Person: person, Issue: entry.Issue, Attempt: entry.Attempt, Sent: true})
}

// Seed implements InviteLedger.
func (l *FileLedger) Seed(_ context.Context, tenant string, entries map[string]directory.InviteLedgerEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return err
	}
	lines := []fileLine{{Tenant: tenant}}
	for person, e := range entries {
		lines = append(lines, fileLine{Tenant: tenant, Person: person, Issue: e.Issue, Attempt: e.Attempt, Sent: e.Sent})
	}
	return l.add(lines...)
}

// Forget implements InviteLedger.
func (l *FileLedger) Forget(_ context.Context, tenant string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := os.Stat(l.path); errors.Is(err, os.ErrNotExist) && l.file == nil {
		return nil
	}
	if err := l.open(); err != nil {
		return err
	}
	if _, known := l.entries[tenant]; !known {
		return nil
	}
	return l.add(fileLine{Tenant: tenant, Forget: true})
}
