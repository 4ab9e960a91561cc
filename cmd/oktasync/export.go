package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

type tenantsExportCommand struct {
	server
	Slug string `arg:"" help:"Slug of the tenant."`
	Out  string `required:"" type:"path" placeholder:"FILE" help:"The file to write; it must not exist."`
}

func (c tenantsExportCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	return exportTenant(e, service, c.Slug, c.Out)
}

// exported is one line of an export: what it is, and that thing as the API shows it.
type exported struct {
	Kind  string `json:"kind"` // tenant, team, person, group, membership, change or act
	Value any    `json:"value"`
}

// membership is a line of an export: the API has members by group.
type membership struct {
	GroupID  string `json:"group_id"`
	PersonID string `json:"person_id"`
}

// exportTenant writes a tenant's directory and history to a new file, one JSON object a line. A
// file that could not be written whole is deleted.
func exportTenant(e *env, service *client.Client, slug, path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the file for the export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(path))
		}
	}()
	buffer := bufio.NewWriter(file)
	x := &export{env: e, service: service, slug: slug, lines: json.NewEncoder(buffer), counts: map[string]int{}}
	if err := x.all(); err != nil {
		return fmt.Errorf("export tenant %s: %w", slug, err)
	}
	if err := errors.Join(buffer.Flush(), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the export of tenant %s: %w", slug, err)
	}
	c := x.counts
	fmt.Fprintf(e.out, "Wrote %d people, %d teams, %d groups, %d memberships, %d changes and %d acts of tenant %s to %s.\n",
		c["person"], c["team"], c["group"], c["membership"], c["change"], c["act"], slug, path)
	return nil
}

type export struct {
	*env
	service *client.Client
	slug    string
	lines   *json.Encoder
	counts  map[string]int
	failed  error
}

// exportPage is how many things one call brings.
const exportPage = 1000

func (x *export) write(kind string, value any) {
	if x.failed == nil {
		x.failed = x.lines.Encode(exported{kind, value})
		x.counts[kind]++
	}
}

func (x *export) all() error {
	tenant, err := x.service.Tenant(x.ctx, x.slug)
	if err != nil {
		return err
	}
	x.write("tenant", tenant)
	paging := func(after string) client.Paging { return client.Paging{After: after, Limit: exportPage} }
	if err := everyPage(func(after string) (v1.Page[v1.Team], error) {
		return x.service.Teams(x.ctx, x.slug, paging(after))
	}, func(t v1.Team) { x.write("team", t) }); err != nil {
		return err
	}
	for _, status := range []string{"active", "suspended", "deactivated", "removed"} {
		if err := everyPage(func(after string) (v1.Page[v1.Person], error) {
			return x.service.People(x.ctx, x.slug, client.PeopleFilter{Status: status, Paging: paging(after)})
		}, func(p v1.Person) { x.write("person", p) }); err != nil {
			return err
		}
	}
	if err := x.groups(); err != nil {
		return err
	}
	if err := everyPage(func(after string) (v1.Page[v1.Change], error) {
		page, err := x.service.Changes(x.ctx, x.slug, client.ChangeFilter{After: after, Limit: exportPage})
		return v1.Page[v1.Change]{Items: page.Items, Next: page.Next}, err
	}, func(c v1.Change) { x.write("change", c) }); err != nil {
		return err
	}
	if err := everyPage(func(after string) (v1.Page[v1.Act], error) {
		return x.service.Acts(x.ctx, x.slug, paging(after))
	}, func(a v1.Act) { x.write("act", a) }); err != nil {
		return err
	}
	return x.failed
}

// groups writes each group, and then who is in it.
func (x *export) groups() error {
	var ids []string
	err := everyPage(func(after string) (v1.Page[v1.Group], error) {
		return x.service.Groups(x.ctx, x.slug, client.Paging{After: after, Limit: exportPage})
	}, func(g v1.Group) {
		x.write("group", g)
		ids = append(ids, g.ID)
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := everyPage(func(after string) (v1.Page[v1.Member], error) {
			return x.service.Members(x.ctx, x.slug, id, client.Paging{After: after, Limit: exportPage})
		}, func(m v1.Member) { x.write("membership", membership{id, m.PersonID}) })
		if err != nil {
			return err
		}
	}
	return nil
}
