package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/directory"
)

// position is a place in a tenant's feed.
type position struct {
	seq int64 // number of the last change before it
	// tenant and feed are where the place is, as marks; empty when all that
	// was given is a number.
	tenant, feed string
	// open says that no place was given: the oldest change that is kept comes first.
	open bool
}

// A cursor is the version, the marks of tenant and feed, the number and a checksum,
// in base64. Callers must not look into it; the marks and the checksum are there to
// tell them what is wrong with one, not to keep anything secret.
const (
	cursorVersion = 1
	markLength    = 6
)

func mark(text string) string {
	sum := sha256.Sum256([]byte(text))
	return string(sum[:markLength])
}

// cursorAt names the place after change number seq.
func cursorAt(tenant string, feed directory.Feed, seq int64) string {
	raw := []byte{cursorVersion}
	raw = append(raw, mark(tenant)...)
	raw = append(raw, mark(feed.ID)...)
	raw = binary.AppendUvarint(raw, uint64(seq))
	return base64.RawURLEncoding.EncodeToString(append(raw, mark(string(raw))...))
}

var errCursor = errors.New("not a cursor")

// parsePosition reads a cursor, or the number of a change. Nothing is the oldest change that is kept.
func parsePosition(text string) (position, error) {
	if text == "" {
		return position{open: true}, nil
	}
	if seq, err := strconv.ParseInt(text, 10, 64); err == nil && seq >= 0 {
		return position{seq: seq}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < 1+3*markLength+1 || raw[0] != cursorVersion {
		return position{}, errCursor
	}
	body, sum := raw[:len(raw)-markLength], raw[len(raw)-markLength:]
	if !bytes.Equal([]byte(mark(string(body))), sum) {
		return position{}, errCursor
	}
	seq, n := binary.Uvarint(body[1+2*markLength:])
	if n != len(body)-1-2*markLength || int64(seq) < 0 {
		return position{}, errCursor
	}
	return position{seq: int64(seq), tenant: string(body[1 : 1+markLength]), feed: string(body[1+markLength : 1+2*markLength])}, nil
}

// startOver is what to do when a feed cannot be read on from where one stopped.
const startOver = "; take a snapshot (GET " + Path + "/tenants/{tenant}/snapshot) and go on from its cursor"

// foreign says what is wrong with a position before the feed is read.
func (p position) foreign(tenant string) error {
	if p.tenant != "" && p.tenant != mark(tenant) {
		return huma.Error400BadRequest("this cursor is another tenant's; a cursor is good for the tenant only that gave it out")
	}
	return nil
}

// reachable says why the feed cannot be read on from there.
func (p position) reachable(feed directory.Feed) error {
	switch {
	case p.feed != "" && p.feed != mark(feed.ID):
		return huma.NewError(http.StatusGone, "this cursor is of a history that was given up since: the tenant, or its database, was set up anew"+startOver)
	case p.seq > feed.Last:
		return huma.Error400BadRequest("the history ends at change " + strconv.FormatInt(feed.Last, 10) +
			", before this cursor or number; if the database was restored from a backup, what came after it is not there any more" + startOver)
	case p.seq < feed.Purged && !p.open:
		return huma.NewError(http.StatusGone, "changes up to number "+strconv.FormatInt(feed.Purged, 10)+
			" are no longer kept, so that some after this cursor are missing"+startOver)
	default:
		return nil
	}
}
