package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/api/v1"
)

type endpointsCommand struct {
	List    endpointsListCommand    `cmd:"" default:"1" help:"List the addresses that changes are posted to, and how that goes."`
	Show    endpointsShowCommand    `cmd:"" help:"Show one endpoint."`
	Add     endpointsAddCommand     `cmd:"" help:"Have every change from now on posted to an address."`
	Update  endpointsUpdateCommand  `cmd:"" help:"Change an endpoint's name, address or filter."`
	Rotate  endpointsRotateCommand  `cmd:"" help:"Give an endpoint another secret; for a while both sign."`
	Enable  endpointsEnableCommand  `cmd:"" help:"Let deliveries go on where they stopped."`
	Disable endpointsDisableCommand `cmd:"" help:"Let deliveries rest; what is missed is delivered later."`
	Test    endpointsTestCommand    `cmd:"" help:"Post a test event and show the answer."`
	Remove  endpointsRemoveCommand  `cmd:"" help:"Remove an endpoint; what waits for it is not delivered any more."`
}

// oneEndpoint names an endpoint.
type oneEndpoint struct {
	remote
	Endpoint string `arg:"" help:"Id or name of the endpoint."`
}

type endpointsListCommand struct{ remote }

func (c endpointsListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	page, err := service.Endpoints(e.ctx, c.remote.Tenant)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, p := range page.Items {
		rows = append(rows, []string{p.Name, p.ID, p.State, fmt.Sprint(p.Health.Behind), fmt.Sprint(p.Health.Waiting), fmt.Sprint(p.Health.Dead), stamp(p.Health.LastSuccess), p.URL})
	}
	return table(e.out, "NAME\tID\tSTATE\tBEHIND\tWAITING\tDEAD\tLAST SUCCESS (UTC)\tURL", rows)
}

type endpointsShowCommand struct{ oneEndpoint }

func (c endpointsShowCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.Endpoint(e.ctx, c.remote.Tenant, c.Endpoint)
	if err != nil {
		return err
	}
	showEndpoint(e, p)
	return nil
}

func showEndpoint(e *env, p v1.Endpoint) {
	line := func(name, format string, values ...any) {
		fmt.Fprintf(e.out, "%-10s %s\n", name, fmt.Sprintf(format, values...))
	}
	all := func(names []string) string {
		if len(names) == 0 {
			return "all"
		}
		return strings.Join(names, ", ")
	}
	line("endpoint", "%s (%s)", p.Name, p.ID)
	line("url", "%s", p.URL)
	line("types", "%s", all(p.Types))
	line("teams", "%s", all(p.Teams))
	if len(p.UnknownTeams) > 0 {
		line("", "not in the directory now: %s. Nothing is sent for these until they are; oktasync teams list has those that are there", strings.Join(p.UnknownTeams, ", "))
	}
	line("state", "%s", p.State)
	if p.Disabled != nil {
		line("", "since %s by %s: %s", stamp(&p.Disabled.At), p.Disabled.By, p.Disabled.Reason)
	}
	for _, s := range p.Secrets {
		until := ""
		if s.Until != nil {
			until = ", signs until " + stamp(s.Until) + " UTC"
		}
		line("secret", "%s, %s, made %s%s %s", s.ID, s.Kind, stamp(&s.CreatedAt), until, s.PublicKey)
	}
	h := p.Health
	line("delivered", "up to change %d, %d behind, %d waiting, %d dead", h.Cursor, h.Behind, h.Waiting, h.Dead)
	if h.Missed > 0 {
		line("missed", "%d changes were no longer kept when their turn came; start over from a snapshot", h.Missed)
	}
	line("attempts", "%d, the last that arrived at %s", h.Attempts, stamp(h.LastSuccess))
	if h.FailingSince != nil {
		line("failing", "since %s UTC: %s", stamp(h.FailingSince), h.LastProblem)
	}
	if h.RestUntil != nil {
		line("next", "%s UTC", stamp(h.RestUntil))
	}
	if p.Secret != "" {
		showSecret(e, p)
	}
}

// showSecret hands out what the receiver needs, and says that it is for once.
func showSecret(e *env, p v1.Endpoint) {
	if strings.HasPrefix(p.Secret, "whpk_") {
		fmt.Fprintf(e.out, "\npublic key: %s\n", p.Secret)
		return
	}
	fmt.Fprintf(e.out, "\nsecret: %s\n", p.Secret)
	fmt.Fprintln(e.err, "Hand the secret to the receiver now. It is not shown again.")
}

type endpointsAddCommand struct {
	remote
	Name    string   `arg:"" help:"What people call it: small letters, digits and hyphens."`
	Address string   `arg:"" help:"Where changes are posted, such as https://app.example.com/webhooks/directory."`
	Types   []string `help:"Only changes of these types, such as person.*,membership.*." placeholder:"TYPE"`
	Teams   []string `help:"Only what is about these teams and their people, by the teams' ids." placeholder:"TEAM"`
	Kind    string   `enum:"hmac-sha256,ed25519" default:"hmac-sha256" help:"How requests are signed: by a secret that both sides know, or by a key pair."`
}

func (c endpointsAddCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.AddEndpoint(e.ctx, c.remote.Tenant, v1.EndpointRequest{Name: c.Name, URL: c.Address, Types: c.Types, Teams: c.Teams, Kind: c.Kind})
	if err != nil {
		return err
	}
	showEndpoint(e, p)
	return nil
}

type endpointsUpdateCommand struct {
	oneEndpoint
	Name     *string  `help:"Another name."`
	Address  *string  `help:"Another address."`
	Types    []string `help:"Only changes of these types." placeholder:"TYPE" xor:"types"`
	AllTypes bool     `help:"Changes of all types." xor:"types"`
	Teams    []string `help:"Only what is about these teams." placeholder:"TEAM" xor:"teams"`
	AllTeams bool     `help:"What is about all teams, or none." xor:"teams"`
}

func (c endpointsUpdateCommand) Run(e *env) error {
	change := v1.EndpointChange{Name: c.Name, URL: c.Address}
	if len(c.Types) > 0 || c.AllTypes {
		types := append([]string{}, c.Types...)
		change.Types = &types
	}
	if len(c.Teams) > 0 || c.AllTeams {
		teams := append([]string{}, c.Teams...)
		change.Teams = &teams
	}
	if change == (v1.EndpointChange{}) {
		return errors.New("nothing is given that should change; see oktasync endpoints update --help")
	}
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.ChangeEndpoint(e.ctx, c.remote.Tenant, c.Endpoint, change)
	if err != nil {
		return err
	}
	showEndpoint(e, p)
	return nil
}

type endpointsRotateCommand struct {
	oneEndpoint
	Overlap span   `default:"24h" help:"How long the old secret signs beside the new one; 0s ends it at once."`
	Kind    string `enum:"hmac-sha256,ed25519," default:"" help:"Kind of the new secret; as before when left out."`
	Retire  bool   `help:"Make no new secret, but end all old ones now: the receiver knows the newest."`
}

func (c endpointsRotateCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	var p v1.Endpoint
	if c.Retire {
		p, err = service.RetireEndpoint(e.ctx, c.remote.Tenant, c.Endpoint)
	} else {
		p, err = service.RotateEndpoint(e.ctx, c.remote.Tenant, c.Endpoint, v1.EndpointRotation{Kind: c.Kind, Overlap: c.Overlap.String()})
	}
	if err != nil {
		return err
	}
	showEndpoint(e, p)
	return nil
}

type endpointsEnableCommand struct{ oneEndpoint }

func (c endpointsEnableCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.EnableEndpoint(e.ctx, c.remote.Tenant, c.Endpoint)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Endpoint %s goes on after change %d; %d are behind it.\n", p.Name, p.Health.Cursor, p.Health.Behind)
	return nil
}

type endpointsDisableCommand struct {
	oneEndpoint
	Reason string `required:"" help:"Why; it is shown wherever the endpoint is."`
}

func (c endpointsDisableCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.DisableEndpoint(e.ctx, c.remote.Tenant, c.Endpoint, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Endpoint %s is disabled. What it misses is delivered after: oktasync endpoints enable %s --tenant %s\n", p.Name, p.Name, p.Tenant)
	return nil
}

type endpointsTestCommand struct{ oneEndpoint }

func (c endpointsTestCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.TestEndpoint(e.ctx, c.remote.Tenant, c.Endpoint)
	if err != nil {
		return err
	}
	if t.Answer != "" {
		fmt.Fprintf(e.out, "%s\n\n", t.Answer)
	}
	if !t.Delivered {
		fmt.Fprintf(e.out, "The test event did not arrive: %s (%d ms).\n", t.Problem, t.TookMS)
		return errSaid
	}
	fmt.Fprintf(e.out, "The test event arrived: status %d after %d ms.\n", t.Status, t.TookMS)
	return nil
}

type endpointsRemoveCommand struct{ oneEndpoint }

func (c endpointsRemoveCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.RemoveEndpoint(e.ctx, c.remote.Tenant, c.Endpoint)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Endpoint %s is removed; %d changes were not delivered to it.\n", p.Name, p.Health.Behind+int64(p.Health.Waiting+p.Health.Dead))
	return nil
}
