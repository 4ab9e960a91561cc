package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// explainer is what the API asks about people.
type explainer struct {
	tenants *registry
	db      *store.DB
}

// Explain implements api.Explainer, for tenants that rest as well: Okta is not asked.
func (x *explainer) Explain(ctx context.Context, tenant, who string) (directory.Explanation, error) {
	t, _ := x.tenants.find(tenant)
	return dirsync.Explain(ctx, dirsync.ExplainOptions{Tenant: tenant, Rules: t.rules, Rows: x.db}, who)
}

type explainCommand struct {
	remote
	Who   string `arg:"" help:"Okta id, login or e-mail."`
	About string `arg:"" optional:"" enum:"status,field,team,manager,group,role,license,invite," default:"" help:"Only this: status, field, team, manager, group, role, license or invite."`
	JSON  bool   `help:"Write JSON."`
}

func (c explainCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	x, err := service.Explain(e.ctx, c.remote.Tenant, c.Who, c.About)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(e.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(x)
	}
	return writeExplanation(e, x, c.About)
}

func writeExplanation(e *env, x v1.Explanation, about string) error {
	fmt.Fprintf(e.out, "Person %s\n", x.PersonID)
	var rows [][]string
	for _, v := range x.Values {
		value := valueWords(v.Value)
		if v.Called != "" {
			value = fmt.Sprintf("%s (%v)", valueWords(v.Called), v.Value)
		}
		since, cause, was := "before "+stamp(x.KeptSince), "older than the history", "-"
		switch {
		case v.Origin != nil:
			since, cause, was = stamp(&v.Origin.Since), causeWords(v.Origin.Cause), valueWords(v.Origin.Before)
		case x.KeptSince == nil:
			since, cause = "-", "not in the history"
		}
		name := v.Name
		switch directory.Topic(v.Topic) {
		case directory.TopicGroup:
			name = "group"
		case directory.TopicRole, directory.TopicLicense:
			name = v.Topic + " " + v.Name
		}
		rows = append(rows, []string{name, value, since, cause, was, cmp.Or(v.Reason, "-")})
	}
	if len(rows) > 0 {
		fmt.Fprintln(e.out)
		if err := table(e.out, "WHAT\tIS\tSINCE (UTC)\tBY\tWAS\tBECAUSE", rows); err != nil {
			return err
		}
	}
	if len(x.Missing) > 0 {
		fmt.Fprint(e.out, "\nNot there:\n")
	}
	for _, m := range x.Missing {
		text := m.Reason
		if o := m.Origin; o != nil {
			text += fmt.Sprintf("; since %s UTC by %s", stamp(&o.Since), causeWords(o.Cause))
			if o.Before != nil {
				text += ", was " + valueWords(o.Before)
			}
		}
		fmt.Fprintln(e.out, "  "+shown(text))
	}
	if len(x.Values) == 0 && len(x.Missing) == 0 {
		fmt.Fprintf(e.out, "\n%s\n", nothingWords(about))
	}
	if len(x.Ignored) > 0 && (about == "" || about == string(directory.TopicField)) {
		fmt.Fprintf(e.out, "\nOkta sends these attributes, and no rule reads them: %s\n", strings.Join(x.Ignored, ", "))
	}
	if x.KeptSince != nil {
		fmt.Fprintf(e.out, "\nChanges before %s UTC are no longer kept (retention.changes): what is older has no cause here.\n", stamp(x.KeptSince))
	}
	return nil
}

// nothingWords says why there is nothing to tell of a topic.
func nothingWords(about string) string {
	switch directory.Topic(about) {
	case directory.TopicGroup:
		return "The person is in no group that is taken over (groups)."
	case directory.TopicRole:
		return "The rules give no roles (role_sets)."
	case directory.TopicLicense:
		return "The rules have no pool of licenses (license_pools)."
	default:
		return "Nothing is known of that."
	}
}
