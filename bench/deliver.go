package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

type deliverCommand struct {
	People  int    `default:"10000" help:"People in the org, whose titles all change: one change each is delivered."`
	DB      string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Workers []int  `default:"1,8,64" help:"Requests at the same time (deliver.parallel)."`
	Profile string `help:"Prefix of files for profiles of the service."`
}

// bareRounds is how often the bare loop runs; the median counts.
const bareRounds = 3

// Run measures webhooks against a bare loop of signed requests to the same receiver.
func (c deliverCommand) Run(e *env) (err error) {
	path, remove, err := e.build(c.Profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"Database", "Workers", "Changes", "Bare loop, requests/s", "Delivered, changes/s", "Share of the loop"}}
	for _, kind := range databases(c.DB) {
		for _, workers := range c.Workers {
			s := setup{kind: kind, binary: path, profile: profilePrefix(c.Profile, kind, workers), org: emulator.Options{People: c.People, Groups: 10}}
			if err := c.measure(e, s, workers, &t); err != nil {
				return fmt.Errorf("%d workers on %s: %w", workers, databaseName(kind), err)
			}
		}
	}
	t.print(e.out)
	return nil
}

// measure has the changes committed while the endpoint is disabled, and counts from the moment at which it is enabled.
func (c deliverCommand) measure(e *env, s setup, workers int, t *table) (err error) {
	receiver, err := newReceiver(e.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.server.Close()) }()
	s.settings = append(s.settings, fmt.Sprintf("OKTASYNC_DELIVER_PARALLEL=%d", workers))
	s.settings = append(s.settings, deliverySettings()...)
	i, err := install(e.ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, time.Hour); err != nil {
		return err
	}
	endpoint, err := i.api.AddEndpoint(e.ctx, tenant, v1.EndpointRequest{Name: "bench", URL: receiver.url, Types: []string{"person.updated"}})
	if err != nil {
		return fmt.Errorf("add an endpoint: %w", err)
	}
	if _, err := i.api.DisableEndpoint(e.ctx, tenant, endpoint.ID, "measured"); err != nil {
		return fmt.Errorf("disable the endpoint: %w", err)
	}
	run, err := i.changeTitles(e.ctx, "user.department")
	if err != nil {
		return err
	}
	changes := run.Counts.Changes["person.updated"]
	if changes == 0 {
		return errors.New("the changed rules changed nobody")
	}
	profiled := i.profileFrom()
	from := time.Now()
	if _, err := i.api.EnableEndpoint(e.ctx, tenant, endpoint.ID); err != nil {
		return fmt.Errorf("enable the endpoint: %w", err)
	}
	if err := receiver.await(e.ctx, changes); err != nil {
		return err
	}
	delivered := time.Since(from)
	profiled()
	bares := make([]time.Duration, bareRounds)
	for n := range bares {
		if bares[n], err = receiver.bareLoop(e.ctx, endpoint.Secret, changes, workers); err != nil {
			return err
		}
	}
	bare := median(bares)
	t.add(databaseName(s.kind), strconv.Itoa(workers), count(changes), count(int(float64(changes)/bare.Seconds())),
		count(int(float64(changes)/delivered.Seconds())), fmt.Sprintf("%.2f", bare.Seconds()/delivered.Seconds()))
	e.note("deliver: %s changes by %d on %s: %s, bare loop %s", count(changes), workers, databaseName(s.kind), seconds(delivered), seconds(bare))
	return nil
}

// bareLoop is how long it takes to sign the last body n times and to post it, with so many requests at a time: the
// least that any sender of webhooks does.
func (r *receiver) bareLoop(ctx context.Context, secret string, n, workers int) (time.Duration, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return 0, errors.New("the endpoint's secret is not base64")
	}
	body := *r.last.Load()
	poster := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer poster.CloseIdleConnections()
	post := func(number int64) error {
		id, stamp := "msg_bare_"+strconv.FormatInt(number, 10), strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header = http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {stamp},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
		answer, err := poster.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return errors.Join(err, answer.Body.Close())
	}
	var next atomic.Int64
	failures := make([]error, workers)
	var group sync.WaitGroup
	from := time.Now()
	for k := range workers {
		group.Go(func() {
			for failures[k] == nil {
				number := next.Add(1)
				if number > int64(n) {
					return
				}
				failures[k] = post(number)
			}
		})
	}
	group.Wait()
	return time.Since(from), errors.Join(failures...)
}
