package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/oktasync/oktasync/api/v1"
)

type exportCommand struct {
	remote
	Format string `enum:"ndjson,csv" default:"ndjson" help:"ndjson: everything, each line as the API shows it. csv: one table."`
	Table  string `enum:"people,teams,groups,memberships,roles,licenses,invites" default:"people" help:"The table of a CSV file: people, teams, groups, memberships, roles, licenses or invites."`
	Out    string `required:"" type:"path" placeholder:"FILE" help:"The file to write; it must not exist."`
}

// Run writes the directory as it is now to a new file. One that could not be written whole is deleted.
func (c exportCommand) Run(e *env) (err error) {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	tenant, err := service.Tenant(e.ctx, c.remote.Tenant)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the file for the export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(c.Out))
		}
	}()
	buffer := bufio.NewWriter(file)
	var out lineWriter = &jsonLines{json.NewEncoder(buffer)}
	if c.Format == "csv" {
		out = newTable(c.Table, buffer)
	}
	var bar *progressbar.ProgressBar
	if isTerminal(e.err) {
		bar = progressbar.NewOptions(max(tenant.People, 1), progressbar.OptionSetWriter(e.err), progressbar.OptionSetWidth(30),
			progressbar.OptionSetDescription("people"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(50*time.Millisecond))
	}
	var end v1.SnapshotEnd
	err = service.Snapshot(e.ctx, c.remote.Tenant, func(line v1.SnapshotLine) error {
		if line.Person != nil && bar != nil {
			_ = bar.Add(1) // a bar that cannot be drawn is no failure
		}
		if line.End != nil {
			end = *line.End
		}
		return out.write(line)
	})
	if bar != nil {
		_ = bar.Finish()
	}
	if err == nil {
		err = errors.Join(out.flush(), buffer.Flush(), file.Sync(), file.Close())
	}
	if err != nil {
		return fmt.Errorf("export tenant %s: %w", c.remote.Tenant, err)
	}
	fmt.Fprintf(e.out, "Wrote %s of tenant %s to %s: it has %d people, %d teams, %d groups, %d memberships, %d roles, %d licenses and %d invites.\n",
		out, c.remote.Tenant, c.Out, end.People, end.Teams, end.Groups, end.Memberships, end.Roles, end.Licenses, end.Invites)
	return nil
}

// lineWriter writes lines of a snapshot in one format, and says what it writes.
type lineWriter interface {
	fmt.Stringer
	write(line v1.SnapshotLine) error
	flush() error
}

type jsonLines struct{ lines *json.Encoder }

func (j *jsonLines) String() string                   { return "all" }
func (j *jsonLines) write(line v1.SnapshotLine) error { return j.lines.Encode(line) }
func (j *jsonLines) flush() error                     { return nil }

// csvTable is one table as CSV (RFC 4180), with a line of column names.
type csvTable struct {
	name    string
	rows    *csv.Writer
	columns []string
	begun   bool
}

func newTable(name string, to io.Writer) *csvTable {
	columns := map[string][]string{
		"people": {"id", "status", "okta_status", "assignment", "first_name", "last_name", "email", "login", "picture", "title", "language", "location",
			"department", "employee_number", "team_id", "further_team_ids", "manager_id", "manager_problem", "left_at", "custom"},
		"teams":       {"id", "name", "source", "parent_id", "group_id"},
		"groups":      {"id", "name", "description", "type"},
		"memberships": {"group_id", "person_id"},
		"roles":       {"person_id", "set", "role", "team", "rule", "via", "kept", "since"},
		"licenses":    {"person_id", "pool", "held", "place", "rule", "via", "kept", "entitled_since", "held_since"},
		"invites":     {"person_id", "state", "since", "release_at"},
	}
	return &csvTable{name: name, rows: csv.NewWriter(to), columns: columns[name]}
}

func (t *csvTable) String() string { return "the " + t.name }

func (t *csvTable) write(line v1.SnapshotLine) error {
	if !t.begun {
		t.begun = true
		if err := t.rows.Write(t.columns); err != nil {
			return err
		}
	}
	cells, err := t.cells(line)
	if cells == nil || err != nil {
		return err
	}
	for i := range cells {
		cells[i] = safeCell(cells[i])
	}
	return t.rows.Write(cells)
}

// cells are those of a line of this table, nil of any other.
func (t *csvTable) cells(line v1.SnapshotLine) ([]string, error) {
	switch {
	case t.name == "people" && line.Person != nil:
		p, team, custom := line.Person, "", []byte(nil)
		if p.Team != nil {
			team = p.Team.ID
		}
		if len(p.Profile.Custom) > 0 {
			var err error
			if custom, err = json.Marshal(p.Profile.Custom); err != nil {
				return nil, err
			}
		}
		var further []string
		for _, t := range p.FurtherTeams {
			further = append(further, t.ID)
		}
		f := p.Profile
		return []string{p.ID, p.Status, p.OktaStatus, p.Assignment, f.FirstName, f.LastName, f.Email, f.Login, f.Picture, f.Title, f.Language, f.Location,
			f.Department, f.EmployeeNumber, team, strings.Join(further, ";"), p.Manager.ID, p.Manager.Problem, timeCell(p.LeftAt), string(custom)}, nil
	case t.name == "teams" && line.Team != nil:
		return []string{line.Team.ID, line.Team.Name, line.Team.Source, line.Team.ParentID, line.Team.GroupID}, nil
	case t.name == "groups" && line.Group != nil:
		return []string{line.Group.ID, line.Group.Name, line.Group.Description, line.Group.Type}, nil
	case t.name == "memberships" && line.Membership != nil:
		return []string{line.Membership.GroupID, line.Membership.PersonID}, nil
	case t.name == "roles" && line.Role != nil:
		r := line.Role
		return []string{r.PersonID, r.Set, r.Role.Role, r.Team, r.Rule, r.Via, r.Kept, timeCell(&r.Since)}, nil
	case t.name == "licenses" && line.License != nil:
		l, place := line.License, ""
		if l.Place > 0 {
			place = strconv.Itoa(l.Place)
		}
		return []string{l.PersonID, l.Pool, strconv.FormatBool(l.Held), place, l.Rule, l.Via, l.Kept, timeCell(&l.EntitledSince), timeCell(l.HeldSince)}, nil
	case t.name == "invites" && line.Invite != nil:
		return []string{line.Invite.PersonID, line.Invite.State, timeCell(&line.Invite.Since), timeCell(line.Invite.ReleaseAt)}, nil
	default:
		return nil, nil
	}
}

func (t *csvTable) flush() error {
	t.rows.Flush()
	return t.rows.Error()
}

func timeCell(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// safeCell keeps spreadsheets from taking a value for a formula, which may call programs or send what is in the sheet
// away (OWASP, "CSV Injection"): whoever may edit a profile in Okta could write one. An apostrophe in front makes it text.
func safeCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) || strings.HasPrefix(text, "＝") || strings.HasPrefix(text, "＋") ||
		strings.HasPrefix(text, "－") || strings.HasPrefix(text, "＠") {
		return "'" + text
	}
	return text
}
