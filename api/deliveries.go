package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type deliveriesInput struct {
	EndpointPath
	LimitQuery
	After int64  `query:"after" minimum:"0" doc:"The 'next' of the page before"`
	State string `query:"state" enum:"waiting,dead" default:"waiting" doc:"Those that are tried again, or those that were given up"`
}

type attemptsInput struct {
	EndpointPath
	LimitQuery
	After int64 `query:"after" minimum:"0" doc:"Only attempts before the one with this number: the 'next' of the page before"`
}

type deliveryInput struct {
	EndpointPath
	Message string `path:"message" maxLength:"200" doc:"The webhook-id" example:"msg_4f1d09b2c3a5_2041"`
}

type takeUpInput struct {
	EndpointPath
	Body v1.DeliveriesRequest
}

type replayInput struct {
	EndpointPath
	Body v1.ReplayRequest
}

func (s *Server) addDeliveries(to huma.API) {
	tags := []string{"endpoints"}
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-deliveries", Method: http.MethodGet, Path: "/tenants/{tenant}/endpoints/{endpoint}/deliveries", Tags: tags,
		Summary: "List changes that did not arrive yet after an attempt, or that were given up",
	}, s.listDeliveries)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-attempts", Method: http.MethodGet, Path: "/tenants/{tenant}/endpoints/{endpoint}/attempts", Tags: tags,
		Summary: "List the newest requests to an endpoint with their answers, newest first; a thousand are kept",
	}, s.listAttempts)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-delivery", Method: http.MethodGet, Path: "/tenants/{tenant}/endpoints/{endpoint}/deliveries/{message}", Tags: tags,
		Summary: "Show one delivery with its attempts",
	}, s.getDelivery)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "retry-deliveries", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/retry", Tags: tags,
		Summary: "Try what waits at once: one delivery, or all",
	}, s.retryDeliveries)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "redrive-deliveries", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/redrive", Tags: tags,
		Summary: "Take up again what was given up: one delivery, or all",
	}, s.redriveDeliveries)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "replay-changes", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/replay", Tags: tags,
		Summary: "Send old changes once more, marked as replay: those since a moment, those of one person, or all that are kept",
		Errors:  []int{http.StatusConflict},
	}, s.replayChanges)
}

func (s *Server) listDeliveries(ctx context.Context, in *deliveriesInput) (*pageOut[v1.Delivery], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	feed, rows, err := s.endpoints.Deliveries(ctx, in.Tenant, in.Endpoint, directory.DeliveryState(in.State), in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(rows, in.Limit, func(d directory.Delivery) v1.Delivery { return deliveryOf(feed, d) },
		func(d directory.Delivery) string { return strconv.FormatInt(d.Pos, 10) }), nil
}

func (s *Server) listAttempts(ctx context.Context, in *attemptsInput) (*pageOut[v1.DeliveryAttempt], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	feed, rows, err := s.endpoints.Attempts(ctx, in.Tenant, in.Endpoint, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(rows, in.Limit, func(a directory.Attempt) v1.DeliveryAttempt { return attemptOf(feed, a) },
		func(a directory.Attempt) string { return strconv.FormatInt(a.No, 10) }), nil
}

func (s *Server) getDelivery(ctx context.Context, in *deliveryInput) (*body[v1.Delivery], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	feed, row, attempts, err := s.endpoints.Delivery(ctx, in.Tenant, in.Endpoint, in.Message)
	if err != nil {
		return nil, err
	}
	answer := deliveryOf(feed, row)
	answer.History = convert(attempts, func(a directory.Attempt) v1.DeliveryAttempt { return attemptOf(feed, a) })
	return &body[v1.Delivery]{answer}, nil
}

func (s *Server) retryDeliveries(ctx context.Context, in *takeUpInput) (*body[v1.DeliveriesTaken], error) {
	return s.takeUp(ctx, in, directory.ActDeliveryRetry, s.endpoints.Retry)
}

func (s *Server) redriveDeliveries(ctx context.Context, in *takeUpInput) (*body[v1.DeliveriesTaken], error) {
	return s.takeUp(ctx, in, directory.ActDeliveryRedrive, s.endpoints.Redrive)
}

func (s *Server) takeUp(ctx context.Context, in *takeUpInput, kind directory.ActKind,
	do func(ctx context.Context, tenant, which, message string, act directory.Act) (int, error)) (*body[v1.DeliveriesTaken], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := tenantAct(ctx, kind, in.Tenant, "")
	n, err := do(ctx, in.Tenant, in.Endpoint, in.Body.ID, act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "deliveries taken up", "tenant", in.Tenant, "endpoint", in.Endpoint, "act", kind, "deliveries", n, "by", act.Actor)
	return &body[v1.DeliveriesTaken]{v1.DeliveriesTaken{Deliveries: n}}, nil
}

func (s *Server) replayChanges(ctx context.Context, in *replayInput) (*body[v1.DeliveriesTaken], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	types, err := parseTypes(in.Body.Types)
	if err != nil {
		return nil, err
	}
	q := directory.ChangeQuery{Types: types}
	if in.Body.Person != "" {
		p, err := s.findPerson(ctx, &PersonInput{TenantPath: in.TenantPath, Who: in.Body.Person})
		if err != nil {
			return nil, err
		}
		q.PersonID = p.ID
	}
	act := tenantAct(ctx, directory.ActReplay, in.Tenant, "")
	n, atMost, err := s.endpoints.Replay(ctx, in.Tenant, in.Endpoint, in.Body.Since, q, act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "old changes are sent once more", "tenant", in.Tenant, "endpoint", in.Endpoint, "changes", n, "at_most", atMost, "by", act.Actor)
	return &body[v1.DeliveriesTaken]{v1.DeliveriesTaken{Deliveries: n, AtMost: atMost}}, nil
}

func deliveryOf(feed string, d directory.Delivery) v1.Delivery {
	return v1.Delivery{
		ID: directory.MessageID(feed, d.Seq, d.Replay), Seq: d.Seq, Replay: d.Replay, About: d.About, State: string(d.State),
		Attempts: d.Attempts, NextAt: utc(d.DueAt), Status: d.Status, Problem: d.Problem,
	}
}

func attemptOf(feed string, a directory.Attempt) v1.DeliveryAttempt {
	message := "test"
	if a.Seq > 0 {
		message = directory.MessageID(feed, a.Seq, a.Replay)
	}
	return v1.DeliveryAttempt{
		No: a.No, Message: message, Attempt: a.Attempt, At: a.At.UTC(), Delivered: a.OK, Status: a.Status,
		TookMS: a.Took.Milliseconds(), Problem: a.Problem, Answer: a.Answer,
	}
}

// EventBody is a change as a webhook carries it: byte for byte as the feed shows it. replay is the id of the replay that it
// is part of, if any.
func EventBody(c directory.Change, replay string) ([]byte, error) {
	event := changeOf(c)
	event.Replay = replay != ""
	var body bytes.Buffer
	to := json.NewEncoder(&body)
	to.SetEscapeHTML(false) // it would make a field of markup six times as long
	if err := to.Encode(event); err != nil {
		return nil, fmt.Errorf("write change %d of tenant %s: %w", c.Seq, c.Tenant, err)
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

// TestEvent is what an endpoint is tried with. It has the form of a change and is none: it has no number.
func TestEvent(tenant, endpoint, id, actor string, at time.Time) v1.Change {
	return v1.Change{
		ID: id, Tenant: tenant, At: at.UTC(), Type: "endpoint.test", Subject: "endpoint", SubjectID: endpoint,
		Fields: []v1.FieldChange{}, Cause: v1.Cause{Kind: string(directory.CauseManual), Actor: actor},
	}
}
