package postgres_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/storetest"
)

// TestFull has the server refuse, in the middle of a commit, what makes its tables grow, with the code that it
// gives for a full disk. (docs/reliability.md tells of a real one.)
func TestFull(t *testing.T) {
	t.Parallel()
	address := storetest.PostgresDatabase(t)
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

// TestFullAtTheDoor: a server whose disk is full refuses new connections with words of its own (seen with PostgreSQL 15).
func TestFullAtTheDoor(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			refuse(conn)
		}
	}()
	_, err = postgres.Open(t.Context(), postgres.Options{URL: "postgres://someone@" + listener.Addr().String() + "/directory?sslmode=disable"})
	if !errors.As(err, new(*directory.StorageFullError)) {
		t.Errorf("%v, want that the disk is full", err)
	}
}

// refuse reads the startup message and answers with an error (PostgreSQL: "Message Formats", StartupMessage, ErrorResponse).
func refuse(conn net.Conn) {
	defer conn.Close()
	size := make([]byte, 4)
	if _, err := io.ReadFull(conn, size); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size))-4); err != nil {
		return
	}
	const fields = "SFATAL\x00VFATAL\x00CXX000\x00Mcould not write init file\x00\x00"
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(fields)+4)), fields...))
}
