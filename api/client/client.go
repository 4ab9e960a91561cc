package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	apiPath        = "/api/v1"
	defaultTimeout = 30 * time.Second
	maxAnswer      = 64 << 20 // bytes; a page of 1,000 people has a few MiB
)

// Client calls one oktasync. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
	limit time.Duration // of one call; zero: the http client's own
}

// New returns a client for the service at baseURL, such as
// "https://sync.example.org". With a nil httpClient a call may take 30 s, and
// longer by what it asks the service to wait. One that is given has limits of its own.
func New(baseURL, token string, httpClient *http.Client) (*Client, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the address of an oktasync service; write it like https://sync.example.org", baseURL)
	}
	if strings.TrimSpace(token) == "" {
		return nil, errors.New("an admin token is needed to call the service; none was given")
	}
	c := &Client{token: strings.TrimSpace(token), http: httpClient}
	if httpClient == nil {
		c.http, c.limit = &http.Client{}, defaultTimeout
	}
	c.base = strings.TrimSuffix(strings.TrimSuffix(u.String(), "/"), apiPath) + apiPath
	return c, nil
}

// Error is an answer of the service that is no success.
type Error struct {
	Status     int           // HTTP status
	Sentence   string        // for a person
	Details    []string      // of the sentence: what is wrong with each part of the request
	RetryAfter time.Duration // when to come back, zero when not said
	RequestID  string        // to find it in the service's log
}

func (e *Error) Error() string { return e.Sentence }

// NotFound says whether the error is the service's answer that there is no such thing.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// call makes one request and decodes the answer.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (T, error) {
	var answer T
	var payload io.Reader
	limited := ctx
	if c.limit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.limit)
		defer cancel()
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer, fmt.Errorf("write request: %w", err)
		}
		payload = bytes.NewReader(text)
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(limited, method, address, payload)
	if err != nil {
		return answer, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return answer, ctx.Err()
		}
		return answer, fmt.Errorf("reach the service (is it running, and is the address right?): %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("read the service's answer: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return answer, problemOf(response, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("read the service's answer, which is not what oktasync would say; check the address %s: %w", c.base, err)
	}
	return answer, nil
}

// problemOf makes one sentence of an answer that is no success.
func problemOf(response *http.Response, text []byte) *Error {
	e := &Error{Status: response.StatusCode, RequestID: response.Header.Get("X-Request-Id")}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(text, &problem) != nil || problem.Title == "" && problem.Detail == "" {
		e.Sentence = fmt.Sprintf("the service answered %s without saying why; check that the address is that of oktasync", response.Status)
		return e
	}
	e.Sentence = problem.Detail
	if e.Sentence == "" {
		e.Sentence = strings.ToLower(problem.Title)
	}
	for i, detail := range problem.Errors {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		e.Details = append(e.Details, strings.TrimSpace(detail.Location+" "+detail.Message))
		e.Sentence += separator + e.Details[i]
	}
	return e
}

// stream begins an answer that may take any time. The caller closes it.
func (c *Client) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reach the service (is it running, and is the address right?): %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the service's answer: %w", err)
	}
	return nil, problemOf(response, text)
}
