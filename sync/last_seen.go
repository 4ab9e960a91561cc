package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Attributes lists the attributes that the rules read, each "user.<name>", "app.<name>" or "link.<name>", sorted.
func Attributes(rules directory.Rules) []string { return newMapper(rules).named }

// basisOf names a set of attributes.
func basisOf(attributes []string) string {
	digest := sha256.Sum256([]byte(strings.Join(attributes, "\n")))
	return hex.EncodeToString(digest[:8])
}

// lastSeen is what is kept of a sight: of the user's profile, and of the app's where the person is
// assigned, the attributes that the rules read.
func (m *mapper) lastSeen(seen directory.PersonSeen) (directory.LastSeen, error) {
	values := make(map[string]any, len(m.named))
	for _, name := range m.named {
		a := attributeOf(name)
		if value := a.of(&seen); value != nil && value != "" && (seen.Assigned || !a.assignedOnly()) {
			values[name] = value
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		return directory.LastSeen{}, fmt.Errorf("encode what was seen of person %s: %w", seen.ID, err)
	}
	digest := sha256.New()
	digest.Write([]byte(m.basis))
	digest.Write(text)
	return directory.LastSeen{Basis: m.basis, Hash: hex.EncodeToString(digest.Sum(nil)[:16]), Values: text}, nil
}

// sights are what was seen of people whose rows are right as they are, by when it was seen.
type sights map[time.Time]map[string]directory.LastSeen

// add keeps what was seen of a person, unless it is kept already.
func (s sights) add(seen directory.PersonSeen, kept string, last directory.LastSeen) {
	if last.Hash == "" || last.Hash == kept {
		return
	}
	if s[seen.At] == nil {
		s[seen.At] = map[string]directory.LastSeen{}
	}
	s[seen.At][seen.ID] = last
}

// noteSeen writes down what was seen of people whose rows stay as they are. It is no change, so no plan has it;
// where a row is to be changed, it goes with the change.
func (x *execution) noteSeen(ctx context.Context, note sights) error {
	if len(note) == 0 {
		return nil
	}
	times := make([]time.Time, 0, len(note))
	for at := range note {
		times = append(times, at)
	}
	slices.SortFunc(times, time.Time.Compare)
	return x.mark(ctx, func(ctx context.Context, tx Tx) error {
		for _, at := range times {
			if err := tx.NoteSeen(ctx, note[at], at); err != nil {
				return fmt.Errorf("note what was seen of %d people: %w", len(note[at]), err)
			}
		}
		return nil
	})
}
