package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/storetest"
)

// TestFull has the server refuse, in the middle of a commit, what makes its tables grow, with the code that it
// gives for a full disk. (docs/reliability.md tells of a real one.)
func TestFull(t *testing.T) {
	t.Parallel()
	address := migrated(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	const refuse = `
		create function no_room() returns trigger language plpgsql as $$
		begin
			raise exception using errcode = '53100', message = 'could not extend file: No space left on device';
		end $$;
		create trigger no_room before insert on changes execute function no_room();
		create trigger no_room before insert on inbox_scopes execute function no_room();`
	const allow = `drop function if exists no_room cascade`
	db := openAsIs(t, address)
	storetest.Full(t, func(room bool) *store.DB {
		statement := refuse
		if room {
			statement = allow
		}
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		return db
	})
}
