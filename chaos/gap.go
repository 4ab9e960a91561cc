package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/e2e/installation"
)

// forgeEvery is after how many steps somebody who has the hook's secret makes an event up.
const forgeEvery = 20

// forgery makes up an event that Okta knows nothing of: somebody who is there has left, it says.
func (t *tenant) forgery() ([]byte, error) {
	people := slices.Sorted(maps.Keys(t.before))
	who := people[t.forger.IntN(len(people))]
	uuid := fmt.Sprintf("f0f0f0f0-0000-4000-8000-%012x", t.forger.Uint64()>>16)
	t.troubles.note("a forged event %s about %s", uuid, who)
	t.forged++
	return json.Marshal(map[string]any{
		"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "contentType": "application/json",
		"eventId": uuid, "source": t.org.URL + "/api/v1/eventHooks/whoFORGED", "eventTime": time.Now().UTC(),
		"data": map[string]any{"events": []map[string]any{{
			"uuid": uuid, "eventType": "user.lifecycle.deactivate", "published": time.Now().UTC(), "outcome": map[string]string{"result": "SUCCESS"},
			"target": []map[string]string{{"id": who, "type": "User", "alternateId": "unknown"}},
		}}},
	})
}

// smuggle sends a forged event until the service takes it.
func (t *tenant) smuggle(ctx context.Context, relay string, body []byte) error {
	return installation.Eventually(ctx, 2*time.Minute, "a forged event is taken in", func() string {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, relay+"/webhooks/okta/"+t.slug, bytes.NewReader(body))
		if err != nil {
			return err.Error()
		}
		request.Header.Set("Authorization", hookSecret)
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err.Error()
		}
		_ = answer.Body.Close()
		if answer.StatusCode >= 300 {
			return answer.Status
		}
		return ""
	})
}

// logged returns the ids of the events in the org's System Log, of the types that hooks are subscribed to.
func (t *tenant) logged(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	at := t.org.URL + "/api/v1/logs?limit=1000&since=" + url.QueryEscape(time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339))
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "SSWS "+oktaToken)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, fmt.Errorf("read the org's System Log: %w", err)
		}
		var page []struct {
			UUID string `json:"uuid"`
			Type string `json:"eventType"`
		}
		err = json.NewDecoder(answer.Body).Decode(&page)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("read the org's System Log: status %d: %w", answer.StatusCode, err)
		}
		for _, e := range page {
			if slices.Contains(directory.SubscribedEvents(), e.Type) {
				all[e.UUID] = true
			}
		}
		next := regexp.MustCompile(`<([^>]+)>; rel="next"`).FindStringSubmatch(fmt.Sprint(answer.Header.Values("Link")))
		if len(page) < 1000 {
			return all, nil
		}
		if next == nil {
			return nil, errors.New("the org's System Log has no next page")
		}
		at = next[1]
	}
}

// measured checks that the gap meter shows what was injected and nothing else: as many lost hooks as the
// org has events that no delivery has brought to the service, and as many unknown ones as were forged.
func (t *tenant) measured(ctx context.Context, s *site, limit time.Duration) error {
	events, err := t.logged(ctx)
	if err != nil {
		return err
	}
	hooked, err := t.inbox(ctx, s)
	if err != nil {
		return err
	}
	lost := 0
	for uuid := range events {
		// Whether a delivery that was answered by nobody has left its events is in the table alone;
		// that those which were answered have is checked by kept.
		if !t.old[uuid] && !hooked[uuid] {
			lost++
		}
	}
	t.lost = lost
	want := fmt.Sprintf("%d lost and %d forged hooks", lost, t.forged)
	err = installation.Eventually(ctx, limit, "the gap meter shows "+want, func() string { return t.meter(ctx, s.api, want) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		t.wrong = append(t.wrong, err.Error())
	}
	return nil
}

// meter says how the meter differs; empty when it does not.
func (t *tenant) meter(ctx context.Context, api *client.Client, want string) string {
	h, err := api.EventHealth(ctx, t.slug, 0)
	if err != nil {
		return err.Error()
	}
	if h.Unknowable != "" {
		return h.Unknowable
	}
	if got := fmt.Sprintf("%d lost and %d forged hooks", *h.Day.Lost, *h.Day.Unknown); got != want || h.Day.HookOnly != t.forged {
		return fmt.Sprintf("it shows %s, and %d that came by hook only: %v", got, h.Day.HookOnly, strays(h))
	}
	return ""
}

func strays(h v1.EventHealth) (lines []string) {
	for _, s := range h.Strays {
		lines = append(lines, s.Kind+" "+s.UUID)
	}
	return lines
}
