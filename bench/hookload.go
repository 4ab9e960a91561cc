package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// load is what one round of requests gave.
type load struct {
	requests int // answered 204
	refused  int // answered 503: Okta would try once more
	took     time.Duration
	waits    []time.Duration // of each request, from the first byte sent to the answer
}

func (l load) perSecond() float64 { return float64(l.requests) / l.took.Seconds() }

// drive posts on several connections at once until the time is over.
func drive(ctx context.Context, address string, connections int, length time.Duration, request func(n int) *hookRequest) (load, error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var group sync.WaitGroup
	each := make([]load, connections)
	problems := make([]error, connections)
	started := time.Now()
	for n := range connections {
		group.Go(func() {
			each[n], problems[n] = post(ctx, address, request(n))
		})
	}
	group.Wait()
	l := load{took: time.Since(started)}
	for _, one := range each {
		l.waits = append(l.waits, one.waits...)
		l.refused += one.refused
	}
	l.requests = len(l.waits)
	if err := errors.Join(problems...); err != nil {
		return load{}, err
	}
	if l.requests == 0 {
		return load{}, fmt.Errorf("%s answered no request within %s", address, length)
	}
	return l, nil
}

// post sends one request after the other on one connection. It speaks HTTP by
// hand: a client of the standard library would take as much of the two
// processors as what is measured.
func post(ctx context.Context, address string, r *hookRequest) (load, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return load{}, fmt.Errorf("connect to %s: %w", address, err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	method := &http.Request{Method: http.MethodPost}
	var l load
	for ctx.Err() == nil {
		text := r.next()
		sent := time.Now()
		if err := conn.SetDeadline(sent.Add(10 * time.Second)); err != nil {
			return load{}, fmt.Errorf("set a deadline: %w", err)
		}
		if _, err := conn.Write(text); err != nil {
			return load{}, fmt.Errorf("send a hook: %w", err)
		}
		answer, err := http.ReadResponse(reader, method)
		if err != nil {
			return load{}, fmt.Errorf("read the answer to a hook: %w", err)
		}
		switch answer.StatusCode {
		case http.StatusNoContent:
			l.waits = append(l.waits, time.Since(sent))
		case http.StatusServiceUnavailable:
			l.refused++
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				return load{}, fmt.Errorf("read a refusal: %w", err)
			}
		default:
			body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
			return load{}, fmt.Errorf("a hook was answered %d: %s", answer.StatusCode, body)
		}
	}
	return l, nil
}
