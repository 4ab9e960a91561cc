package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// hookTemplate is a delivery that the emulator made, cut where events repeat.
type hookTemplate struct {
	before, event, after []byte
	uuid, person         []byte // as they stand in event
}

// recordHook lets an emulated org deliver the change of one person's profile.
func recordHook(ctx context.Context) (hookTemplate, error) {
	bodies := make(chan []byte, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return hookTemplate{}, fmt.Errorf("listen for a hook: %w", err)
	}
	receiver := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode(map[string]string{"verification": r.Header.Get("X-Okta-Verification-Challenge")})
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
		bodies <- body
	})}
	go func() { _ = receiver.Serve(listener) }()
	defer func() { _ = receiver.Close() }()
	org, err := emulator.New(emulator.Options{People: 20, Groups: -1, Hooks: emulator.HookOptions{Window: -1}})
	if err != nil {
		return hookTemplate{}, err
	}
	defer func() { _ = org.Close() }()
	_, err = org.RegisterHook(emulator.NewHook{URL: "http://" + listener.Addr().String(), Events: []string{"user.account.update_profile"}})
	if err != nil {
		return hookTemplate{}, fmt.Errorf("register a hook: %w", err)
	}
	person := org.PersonIDs()[10]
	if _, err := org.Update(person, map[string]any{"title": "Principal Engineer"}); err != nil {
		return hookTemplate{}, fmt.Errorf("change a person: %w", err)
	}
	select {
	case body := <-bodies:
		return cutHook(body, person)
	case <-time.After(5 * time.Second):
		return hookTemplate{}, errors.New("the emulator delivered no hook")
	case <-ctx.Done():
		return hookTemplate{}, ctx.Err()
	}
}

func cutHook(body []byte, person string) (hookTemplate, error) {
	var delivery struct {
		Data struct{ Events []json.RawMessage }
	}
	if err := json.Unmarshal(body, &delivery); err != nil {
		return hookTemplate{}, fmt.Errorf("read a hook: %w", err)
	}
	var event struct{ UUID string }
	if len(delivery.Data.Events) != 1 || json.Unmarshal(delivery.Data.Events[0], &event) != nil || len(event.UUID) != 36 {
		return hookTemplate{}, errors.New("the delivery does not hold one event with a uuid")
	}
	t := hookTemplate{event: delivery.Data.Events[0], uuid: []byte(event.UUID), person: []byte(person)}
	before, after, found := bytes.Cut(body, t.event)
	if !found || !bytes.Contains(t.event, t.person) {
		return hookTemplate{}, errors.New("the delivery does not hold the person")
	}
	t.before, t.after = before, after
	return t, nil
}

// hookRequest is a whole request whose events get other uuids and people each time.
// The places are known, so that the load costs next to nothing beside what is measured.
type hookRequest struct {
	text           []byte
	uuids, persons [][]int // places by event
	random         *rand.Rand
}

// people is how many people the events are about.
const hookPeople = 10_000

func (t hookTemplate) request(address, path string, events int, seed uint64) *hookRequest {
	list := bytes.Join(slices.Repeat([][]byte{t.event}, events), []byte(","))
	body := slices.Concat(t.before, list, t.after)
	r := &hookRequest{random: rand.New(rand.NewPCG(seed, 1))}
	r.text = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, address, hookSecret, len(body))
	first := len(r.text) + len(t.before)
	r.text = append(r.text, body...)
	for i := range events {
		at := first + i*(len(t.event)+1)
		r.uuids = append(r.uuids, places(t.event, t.uuid, at))
		r.persons = append(r.persons, places(t.event, t.person, at))
	}
	return r
}

func places(text, part []byte, offset int) []int {
	var all []int
	for from := 0; ; {
		i := bytes.Index(text[from:], part)
		if i < 0 {
			return all
		}
		all = append(all, offset+from+i)
		from += i + len(part)
	}
}

// next is the request with new events. It is valid until the next call.
func (r *hookRequest) next() []byte {
	var raw [16]byte
	var uuid [36]byte
	for i := range r.uuids {
		for at := 0; at < len(raw); at += 8 {
			n := r.random.Uint64()
			for b := range 8 {
				raw[at+b] = byte(n >> (8 * b))
			}
		}
		hex.Encode(uuid[:8], raw[:4])
		hex.Encode(uuid[9:13], raw[4:6])
		hex.Encode(uuid[14:18], raw[6:8])
		hex.Encode(uuid[19:23], raw[8:10])
		hex.Encode(uuid[24:], raw[10:])
		uuid[8], uuid[13], uuid[18], uuid[23] = '-', '-', '-', '-'
		for _, at := range r.uuids[i] {
			copy(r.text[at:], uuid[:])
		}
		person := fmt.Appendf(nil, "00u%017d", r.random.IntN(hookPeople))
		for _, at := range r.persons[i] {
			copy(r.text[at:], person)
		}
	}
	return r.text
}
