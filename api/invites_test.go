package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// inviteBox is invites in memory: Ada's, which is held, and Grace's, which was revoked.
type inviteBox struct {
	*memory
	orders    []directory.InviteOrder
	previewed directory.InviteSelection
}

func (d *inviteBox) List(_ context.Context, _ string, sel directory.InviteSelection, after string, limit int) ([]directory.InviteCandidate, error) {
	var all []directory.InviteCandidate
	for _, p := range d.people {
		all = append(all, directory.InviteCandidate{Invite: directory.Invite{PersonID: p.ID, State: directory.InviteHeld, Since: p.CreatedAt}, Person: p})
	}
	return window(all, after, limit, func(c directory.InviteCandidate) string { return c.PersonID }), d.failing()
}

func (d *inviteBox) Counts(context.Context, string) (directory.InviteSummary, error) {
	return directory.InviteSummary{Mode: directory.InvitesHold, SendBy: directory.InviteByMail, Missing: "mail.server is missing",
		States: map[directory.InviteState]int{directory.InviteHeld: 2}}, d.failing()
}

func (d *inviteBox) Preview(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) ([]directory.InvitePlan, string, error) {
	d.mu.Lock()
	d.previewed = sel
	d.mu.Unlock()
	rows, err := d.List(ctx, tenant, sel, after, limit)
	return convert(rows, func(c directory.InviteCandidate) directory.InvitePlan {
		return directory.InvitePlan{InviteCandidate: c, GoesAt: cet(12)}
	}), "", err
}

func (d *inviteBox) Order(_ context.Context, _ string, order directory.InviteOrder, act directory.Act) (directory.InviteTally, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders, d.acts = append(d.orders, order), append(d.acts, act)
	if strings.HasPrefix(strings.Join(order.Select.People, ""), graceID) {
		return directory.InviteTally{Skipped: map[string]int{"is revoked": 1}}, d.fail
	}
	return directory.InviteTally{Moved: 1}, d.fail
}

func (d *inviteBox) Recover(context.Context, string, bool, directory.Act) (directory.InviteTally, error) {
	return directory.InviteTally{Moved: 3}, d.failing()
}

func (d *inviteBox) Verify(_, token string) (string, error) {
	if token == "old" {
		return "", errors.New("this invite link has expired; ask for a new invite")
	}
	return token, nil
}

func TestInvites(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, step := range []struct {
		name, path, body string
		status           int
		want             string // a part of the answer
	}{
		{"nobody", "release", `{}`, 422, "say whose invites are meant"},
		{"everybody", "release", `{"everybody":true,"per_hour":10,"reason":" the launch "}`, 200, `"moved":1`},
		{"everybody and one", "release", `{"everybody":true,"percent":3}`, 422, "one of the two"},
		{"a second one for all", "resend", `{"everybody":true}`, 422, "a second invite"},
		{"a second one for some", "resend", `{"states":["uncertain"]}`, 200, `"skipped":{}`},
		{"no wave", "hold", `{"percent":50,"per_hour":1}`, 422, "for a release alone"},
		{"too much", "hold", `{"percent":101}`, 422, "percent"},
		{"no state", "revoke", `{"states":["gone"]}`, 422, "states"},
		{"a link", "accept-link", `{"token":"` + adaID + `"}`, 200, `"person_id":"` + adaID + `"`},
		{"an old link", "accept-link", `{"token":"old"}`, 422, "has expired"},
		{"a link that was taken back", "accept-link", `{"token":"` + graceID + `"}`, 409, "was taken back"},
		{"nothing is known", "recover", `{"database":"perhaps","reason":"x"}`, 422, "database"},
	} {
		a := r.do(http.MethodPost, "/tenants/acme/invites/"+step.path, step.body)
		if a.status != step.status || !strings.Contains(a.body, step.want) {
			t.Errorf("%s: answer %d %s, want %d with %s", step.name, a.status, a.body, step.status, step.want)
		}
	}
	want := []directory.InviteOrder{
		{Move: directory.InviteRelease, PerHour: 10, Select: directory.InviteSelection{States: []directory.InviteState{}}},
		{Move: directory.InviteResend, Select: directory.InviteSelection{States: []directory.InviteState{directory.InviteUncertain}}},
		{Move: directory.InviteAccept, Select: directory.InviteSelection{People: []string{adaID}}, Present: true},
		{Move: directory.InviteAccept, Select: directory.InviteSelection{People: []string{graceID}}, Present: true},
	}
	if diff := cmp.Diff(want, r.invites.orders); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	act := r.memory.actsNow()[0]
	if act.Kind != "invite.release" || act.Actor != "alice" || act.Reason != "the launch" {
		t.Errorf("the act is %+v", act)
	}
}

func TestPreviewedInvites(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	if a := r.do(http.MethodGet, "/tenants/acme/invites/preview?states=sent,failed&team=t1&percent=20&people="+adaID, ""); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	want := directory.InviteSelection{
		People: []string{adaID}, Team: "t1", Percent: 20, States: []directory.InviteState{directory.InviteSent, directory.InviteFailed},
	}
	if diff := cmp.Diff(want, r.invites.previewed); diff != "" {
		t.Errorf("previewed (-want +got):\n%s", diff)
	}
	if a := r.do(http.MethodGet, "/tenants/acme/invites/preview?states=gone", ""); a.status != 422 || !strings.Contains(a.body, "states") {
		t.Errorf("a state that does not exist: %d %s", a.status, a.body)
	}
}
