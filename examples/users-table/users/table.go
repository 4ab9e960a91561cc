// Package users keeps an application's own tables of users and their groups equal to a directory that oktasync
// keeps. It is an example to copy from: everything that a product has to take care of is in Apply.
package users

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/oktasync/oktasync/client"
)

// Table is the application's database. It is the consumer of a feed, and its Handle takes webhooks.
type Table struct{ DB *sql.DB }

const schema = `
	create table if not exists users (
		id text primary key, seq bigint not null, gone boolean not null,
		email text not null, name text not null, status text not null, title text not null, team_id text not null, manager_id text not null
	);
	create table if not exists user_groups (
		user_id text not null, group_id text not null, seq bigint not null, member boolean not null,
		primary key (user_id, group_id)
	);
	create table if not exists user_roles (
		user_id text not null, role text not null, team_id text not null, seq bigint not null, present boolean not null,
		primary key (user_id, role, team_id)
	);
	create table if not exists sync_cursor (only_one boolean primary key default true check (only_one), cursor text not null)`

// Create makes the tables where there are none.
func (t *Table) Create(ctx context.Context) error {
	if _, err := t.DB.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("make the tables of users: %w", err)
	}
	return nil
}

// Cursor returns where to go on, empty at first.
func (t *Table) Cursor(ctx context.Context) (string, error) {
	var cursor string
	err := t.DB.QueryRowContext(ctx, `select cursor from sync_cursor`).Scan(&cursor)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return cursor, err
}

// SetCursor stores where to go on: "0" begins at the first change that ever was.
func (t *Table) SetCursor(ctx context.Context, cursor string) error {
	return setCursor(ctx, t.DB, cursor)
}

// Apply applies events of the feed, and stores the cursor with them.
func (t *Table) Apply(ctx context.Context, events []client.Event, cursor string) error {
	return t.do(ctx, func(tx *sql.Tx) error {
		for _, event := range events {
			if err := apply(ctx, tx, event); err != nil {
				return err
			}
		}
		return setCursor(ctx, tx, cursor)
	})
}

// Handle applies one event, as a webhook brings it: perhaps twice, and perhaps later than the next one.
func (t *Table) Handle(ctx context.Context, event client.Event) error {
	return t.do(ctx, func(tx *sql.Tx) error { return apply(ctx, tx, event) })
}

// Replace takes over a snapshot.
func (t *Table) Replace(ctx context.Context, lines iter.Seq2[client.Line, error]) error {
	return t.do(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"users", "user_groups", "user_roles"} {
			if _, err := tx.ExecContext(ctx, "delete from "+table); err != nil {
				return err
			}
		}
		for line, err := range lines {
			switch {
			case err != nil:
				return err // half a snapshot is none
			case line.Start != nil:
				err = setCursor(ctx, tx, line.Start.Cursor)
			case line.Person != nil:
				p := line.Person
				err = putUser(ctx, tx, user{p.ID, 0, false, p.Profile.Email, name(p.Profile.FirstName, p.Profile.LastName), p.Status, p.Profile.Title, teamID(p.Team), p.Manager.ID})
			case line.Membership != nil:
				err = putMember(ctx, tx, line.Membership.PersonID, line.Membership.GroupID, 0, true)
			case line.Role != nil:
				err = putRole(ctx, tx, line.Role.PersonID, line.Role.Role.Role, line.Role.Team, 0, true)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *Table) do(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := t.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing is left to undo after the commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// apply writes what the subject of an event was like, unless a later event was applied already.
func apply(ctx context.Context, tx *sql.Tx, event client.Event) error {
	if event.State == nil {
		// Nobody remembers any more: the person was erased, and the event that says so comes later.
		return nil
	}
	switch event.Type {
	case "role.granted", "role.revoked":
		return putRole(ctx, tx, event.PersonID, event.SubjectID, teamOfRole(event), event.Seq, event.Type == "role.granted")
	case "person.erased":
		// What they had is not told of any more, one by one.
		if _, err := tx.ExecContext(ctx, `update user_roles set seq = $2, present = false where user_id = $1 and seq < $2`, event.PersonID, event.Seq); err != nil {
			return fmt.Errorf("take the roles of user %s away: %w", event.PersonID, err)
		}
	}
	switch s := event.State; {
	case s.Person != nil:
		u := user{id: s.Person.ID, seq: event.Seq, gone: true}
		if s.Person.Status != "removed" {
			u = user{u.id, u.seq, false, s.Person.Profile.Email, name(s.Person.Profile.FirstName, s.Person.Profile.LastName),
				s.Person.Status, s.Person.Profile.Title, teamID(s.Person.Team), s.Person.Manager.ID}
		}
		return putUser(ctx, tx, u)
	case s.Membership != nil:
		return putMember(ctx, tx, s.Membership.PersonID, s.Membership.GroupID, event.Seq, s.Membership.Present)
	default:
		return nil // teams, groups, runs, and what later versions add
	}
}

// user is a row. Who is gone keeps one, without anything about them: an event that comes late must not bring them back.
type user struct {
	id                                        string
	seq                                       int64 // of the last event that was applied
	gone                                      bool
	email, name, status, title, team, manager string
}

func putUser(ctx context.Context, tx *sql.Tx, u user) error {
	const query = `
		insert into users (id, seq, gone, email, name, status, title, team_id, manager_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (id) do update set seq = excluded.seq, gone = excluded.gone, email = excluded.email, name = excluded.name,
			status = excluded.status, title = excluded.title, team_id = excluded.team_id, manager_id = excluded.manager_id
		where users.seq < excluded.seq`
	if _, err := tx.ExecContext(ctx, query, u.id, u.seq, u.gone, u.email, u.name, u.status, u.title, u.team, u.manager); err != nil {
		return fmt.Errorf("write user %s: %w", u.id, err)
	}
	return nil
}

func putMember(ctx context.Context, tx *sql.Tx, userID, groupID string, seq int64, member bool) error {
	const query = `
		insert into user_groups (user_id, group_id, seq, member) values ($1, $2, $3, $4)
		on conflict (user_id, group_id) do update set seq = excluded.seq, member = excluded.member where user_groups.seq < excluded.seq`
	if _, err := tx.ExecContext(ctx, query, userID, groupID, seq, member); err != nil {
		return fmt.Errorf("write that user %s is or is not in group %s: %w", userID, groupID, err)
	}
	return nil
}

func putRole(ctx context.Context, tx *sql.Tx, userID, role, teamID string, seq int64, present bool) error {
	const query = `
		insert into user_roles (user_id, role, team_id, seq, present) values ($1, $2, $3, $4, $5)
		on conflict (user_id, role, team_id) do update set seq = excluded.seq, present = excluded.present where user_roles.seq < excluded.seq`
	if _, err := tx.ExecContext(ctx, query, userID, role, teamID, seq, present); err != nil {
		return fmt.Errorf("write that user %s has or has not the role %s: %w", userID, role, err)
	}
	return nil
}

// teamOfRole returns the team in which a role was given or taken; empty: everywhere.
func teamOfRole(event client.Event) string {
	for _, f := range event.Fields {
		if f.Field == "team" {
			team, _ := f.After.(string)
			if event.Type == "role.revoked" {
				team, _ = f.Before.(string)
			}
			return team
		}
	}
	return ""
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func setCursor(ctx context.Context, to execer, cursor string) error {
	const query = `insert into sync_cursor (cursor) values ($1) on conflict (only_one) do update set cursor = excluded.cursor`
	if _, err := to.ExecContext(ctx, query, cursor); err != nil {
		return fmt.Errorf("store the cursor: %w", err)
	}
	return nil
}

func name(first, last string) string { return strings.TrimSpace(first + " " + last) }

func teamID(team *client.Ref) string {
	if team == nil {
		return ""
	}
	return team.ID
}
