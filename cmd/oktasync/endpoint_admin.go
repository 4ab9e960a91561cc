package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/seal"
	"github.com/oktasync/oktasync/store"
)

// secretsAtMost is how many secrets of an endpoint sign at a time.
const secretsAtMost = 3

// endpointAdmin is what admins do with endpoints through the API: addresses checked, secrets sealed before they
// are stored.
type endpointAdmin struct {
	*store.DB
	keys   *seal.Keys
	poster *deliver.Poster
	wake   func() // somebody should look whether there is something to deliver
}

// Add makes an endpoint of what is given.
func (a *endpointAdmin) Add(ctx context.Context, e directory.Endpoint, kind directory.SecretKind, act directory.Act) (directory.Endpoint, string, error) {
	if err := a.check(e); err != nil {
		return e, "", err
	}
	e.ID = "ep_" + randomID(8)
	secret, shown, err := a.newSecret(e, kind)
	if err != nil {
		return e, "", err
	}
	e.Secrets = []directory.EndpointSecret{secret}
	act.Subject = "endpoint:" + e.ID
	if err := a.AddEndpoint(ctx, e, act); err != nil {
		return e, "", err
	}
	e, err = a.Endpoint(ctx, e.Tenant, e.ID)
	return e, shown, err
}

// check says what is wrong with an endpoint's address. The sentence does not repeat the address, which may hold a secret.
func (a *endpointAdmin) check(e directory.Endpoint) error {
	if err := a.poster.CheckURL(e.URL); err != nil {
		return &directory.TerminalError{Err: fmt.Errorf("the url %w", err)}
	}
	return nil
}

// newSecret makes a secret, sealed, and what of it is shown: the secret itself, or the public key of a pair.
func (a *endpointAdmin) newSecret(e directory.Endpoint, kind directory.SecretKind) (directory.EndpointSecret, string, error) {
	s := directory.EndpointSecret{ID: randomID(4), Kind: kind, CreatedAt: utcNow()}
	var private, shown string
	var err error
	switch kind {
	case directory.SecretShared:
		private = deliver.NewSharedSecret()
		shown = private
	case directory.SecretKeyPair:
		private, shown, err = deliver.NewKeyPair()
		s.Public = shown
	default:
		err = fmt.Errorf("there is no kind of secret called %q", kind)
	}
	if err != nil {
		return s, "", err
	}
	s.Sealed, err = a.keys.Seal(private, e.Tenant, "endpoint", e.ID, s.ID)
	if errors.Is(err, seal.ErrNoKey) {
		err = directory.Refuse(directory.ErrConflict, "the secret of an endpoint can't be stored, because there is no key to encrypt it with: make one with oktasync keys new, set encryption.keys and start the service again")
	}
	return s, shown, err
}

// Rotate gives an endpoint another secret. Those that sign now go on for overlap at most.
func (a *endpointAdmin) Rotate(ctx context.Context, tenant, which string, kind directory.SecretKind, overlap time.Duration, act directory.Act) (directory.Endpoint, string, error) {
	var shown string
	e, err := a.ChangeEndpoint(ctx, tenant, which, act, func(e *directory.Endpoint) error {
		if kind == "" {
			kind = e.Secrets[0].Kind
		}
		secret, public, err := a.newSecret(*e, kind)
		if err != nil {
			return err
		}
		shown = public
		e.Secrets = append([]directory.EndpointSecret{secret}, endingBy(e.Secrets, utcNow(), utcNow().Add(overlap))...)
		if len(e.Secrets) > secretsAtMost {
			return directory.Refuse(directory.ErrConflict, "%d secrets of endpoint %s sign already; end the old ones first: oktasync endpoints rotate --retire %s --tenant %s", secretsAtMost, e.ID, e.ID, tenant)
		}
		return nil
	})
	return e, shown, err
}

// endingBy are the secrets that still sign, and until when at most.
func endingBy(secrets []directory.EndpointSecret, now, until time.Time) []directory.EndpointSecret {
	var left []directory.EndpointSecret
	for _, s := range secrets {
		if s.Until == nil || s.Until.After(until) {
			s.Until = &until
		}
		if s.Until.After(now) {
			left = append(left, s)
		}
	}
	return left
}

// Retire ends all secrets but the newest.
func (a *endpointAdmin) Retire(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error) {
	return a.ChangeEndpoint(ctx, tenant, which, act, func(e *directory.Endpoint) error {
		e.Secrets = e.Secrets[:1]
		return nil
	})
}

// Change changes name, address, filter, or whether it is disabled.
func (a *endpointAdmin) Change(ctx context.Context, tenant, which string, act directory.Act, change func(*directory.Endpoint)) (directory.Endpoint, error) {
	e, err := a.ChangeEndpoint(ctx, tenant, which, act, func(e *directory.Endpoint) error {
		change(e)
		return a.check(*e)
	})
	a.wake()
	return e, err
}

// Remove ends an endpoint.
func (a *endpointAdmin) Remove(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error) {
	return a.RemoveEndpoint(ctx, tenant, which, act)
}

// Test posts a test event, beside what is delivered and whether or not the endpoint is disabled.
func (a *endpointAdmin) Test(ctx context.Context, tenant, which string, act directory.Act) (directory.Attempt, error) {
	e, err := a.Endpoint(ctx, tenant, which)
	if err != nil {
		return directory.Attempt{}, err
	}
	signers, err := a.signers(e)
	if err != nil {
		return directory.Attempt{}, directory.Refuse(directory.ErrConflict, "nothing can be sent to endpoint %s: %v", e.ID, err)
	}
	at, id := utcNow(), "msg_test_"+randomID(8)
	body, err := json.Marshal(api.TestEvent(tenant, e.ID, id, act.Actor, at))
	if err != nil {
		return directory.Attempt{}, fmt.Errorf("write a test event: %w", err)
	}
	r := a.poster.Post(ctx, deliver.Message{URL: e.URL, Signers: signers, ID: id, Body: body})
	attempt := directory.Attempt{Attempt: 1, At: at, OK: r.Delivered, Status: r.Status, Took: r.Took, Problem: r.Problem, Answer: r.Answer}
	return attempt, a.AddTest(ctx, tenant, e.ID, attempt, act)
}

// signers opens the secrets that an endpoint signs with now.
func (a *endpointAdmin) signers(e directory.Endpoint) ([]*deliver.Signer, error) {
	var signers []*deliver.Signer
	for _, s := range e.Secrets {
		if s.Until != nil && !s.Until.After(utcNow()) {
			continue
		}
		secret, err := a.keys.Open(s.Sealed, e.Tenant, "endpoint", e.ID, s.ID)
		if err != nil {
			return nil, fmt.Errorf("its secret can't be decrypted: %w", err)
		}
		signer, err := deliver.NewSigner(secret)
		if err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	return signers, nil
}

// Deliveries returns what waits, or was given up.
func (a *endpointAdmin) Deliveries(ctx context.Context, tenant, which string, state directory.DeliveryState, after int64, limit int) (string, []directory.Delivery, error) {
	e, feed, err := a.find(ctx, tenant, which)
	if err != nil {
		return "", nil, err
	}
	rows, err := a.DB.Deliveries(ctx, tenant, e.ID, state, after, limit)
	return feed, rows, err
}

// Attempts returns the newest attempts.
func (a *endpointAdmin) Attempts(ctx context.Context, tenant, which string, before int64, limit int) (string, []directory.Attempt, error) {
	e, feed, err := a.find(ctx, tenant, which)
	if err != nil {
		return "", nil, err
	}
	rows, err := a.DB.Attempts(ctx, tenant, e.ID, before, limit)
	return feed, rows, err
}

// Delivery returns one delivery with what is kept of its attempts.
func (a *endpointAdmin) Delivery(ctx context.Context, tenant, which, message string) (string, directory.Delivery, []directory.Attempt, error) {
	e, feed, err := a.find(ctx, tenant, which)
	if err != nil {
		return "", directory.Delivery{}, nil, err
	}
	seq, replay, known := directory.ParseMessageID(message)
	if !known || directory.MessageID(feed, seq, replay) != message {
		return "", directory.Delivery{}, nil, unknownMessage(tenant)
	}
	row, attempts, err := a.DB.Delivery(ctx, tenant, e.ID, seq, replay)
	switch {
	case err != nil:
		return "", directory.Delivery{}, nil, err
	case row != nil:
		return feed, *row, attempts, nil
	case len(attempts) == 0:
		return "", directory.Delivery{}, nil, directory.Refuse(directory.ErrNotFound,
			"nothing is known of this delivery: its change was not asked for, its turn has not come, or it arrived longer ago than attempts are kept")
	}
	last := attempts[len(attempts)-1]
	done := directory.Delivery{Seq: seq, Replay: replay, About: last.About, State: directory.DeliveryDelivered, Attempts: last.Attempt, Status: last.Status}
	if !last.OK { // it is about to become a row, or was removed
		done.State, done.Problem = directory.DeliveryWaiting, last.Problem
	}
	return feed, done, attempts, nil
}

// Retry has what waits tried at once.
func (a *endpointAdmin) Retry(ctx context.Context, tenant, which, message string, act directory.Act) (int, error) {
	return a.takeUp(ctx, tenant, which, message, act, a.RetryDeliveries)
}

// Redrive takes up again what was given up.
func (a *endpointAdmin) Redrive(ctx context.Context, tenant, which, message string, act directory.Act) (int, error) {
	return a.takeUp(ctx, tenant, which, message, act, a.RedriveDeliveries)
}

func (a *endpointAdmin) takeUp(ctx context.Context, tenant, which, message string, act directory.Act,
	do func(ctx context.Context, tenant, endpoint string, seq int64, replay string, act directory.Act) (int, error)) (int, error) {
	e, feed, err := a.find(ctx, tenant, which)
	if err != nil {
		return 0, err
	}
	seq, replay := int64(0), ""
	if message != "" {
		var known bool
		if seq, replay, known = directory.ParseMessageID(message); !known || directory.MessageID(feed, seq, replay) != message {
			return 0, unknownMessage(tenant)
		}
	}
	n, err := do(ctx, tenant, e.ID, seq, replay, act)
	a.wake()
	return n, err
}

func unknownMessage(tenant string) error {
	return directory.Refuse(directory.ErrNotFound, "this is not the webhook-id of a change of tenant %s", tenant)
}

// find returns an endpoint and the id of its tenant's feed.
func (a *endpointAdmin) find(ctx context.Context, tenant, which string) (directory.Endpoint, string, error) {
	e, err := a.Endpoint(ctx, tenant, which)
	if err != nil {
		return e, "", err
	}
	feed, err := a.Feed(ctx, tenant, directory.ChangeQuery{Limit: 1})
	return e, feed.ID, err
}

func randomID(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // it never fails: it ends the program instead
	return hex.EncodeToString(raw)
}
