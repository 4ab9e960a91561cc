package installation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Postgres is a PostgreSQL server of one's own, which may be stopped.
type Postgres struct {
	Address   string
	bin, data string
}

// StartPostgres makes a server whose files are in dir. It must be ended with Stop:
// unlike other processes it does not die with this one.
func StartPostgres(ctx context.Context, ports *Ports, dir string) (*Postgres, error) {
	p := &Postgres{data: filepath.Join(dir, "data")}
	var err error
	if p.bin, err = postgresBin(); err != nil {
		return nil, err
	}
	if p.Address, err = ports.Free(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(p.data, 0o700); err != nil {
		return nil, fmt.Errorf("make PostgreSQL's folder: %w", err)
	}
	uid, gid, other, err := postgresUser()
	if err != nil {
		return nil, err
	}
	if other {
		for _, path := range []string{dir, p.data} {
			if err := os.Chown(path, int(uid), int(gid)); err != nil {
				return nil, fmt.Errorf("give PostgreSQL its folder: %w", err)
			}
		}
	}
	if err := p.run(ctx, "initdb", "-D", p.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"); err != nil {
		return nil, err
	}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Stop(context.Background()))
	}
	return p, nil
}

// postgresBin finds the server's programs, which Debian keeps out of PATH.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("initdb is not there: install PostgreSQL, or run scripts/install-tools.sh, which does")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// postgresUser is who runs the server: PostgreSQL refuses to run as root.
func postgresUser() (uid, gid uint32, other bool, err error) {
	if os.Geteuid() != 0 {
		return 0, 0, false, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, false, fmt.Errorf("as root the server needs a user postgres: %w", err)
	}
	id, _ := strconv.ParseUint(u.Uid, 10, 32)
	group, _ := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(group), true, nil
}

func (p *Postgres) run(ctx context.Context, name string, args ...string) error {
	// To a file: the server inherits a pipe and would keep it open.
	out, err := os.CreateTemp("", "oktasync-"+name+"-")
	if err != nil {
		return fmt.Errorf("make a file for what %s says: %w", name, err)
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }()
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = "/"
	uid, gid, other, err := postgresUser()
	if err != nil {
		return err
	}
	if other {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

// Start starts it and waits until it takes connections.
func (p *Postgres) Start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(p.Address)
	if err != nil {
		return err
	}
	options := fmt.Sprintf("-h 127.0.0.1 -p %s -k %s -c fsync=off -c max_connections=100", port, p.data)
	return p.run(ctx, "pg_ctl", "-D", p.data, "-l", filepath.Join(p.data, "log"), "-w", "-o", options, "start")
}

// Stop ends it at once, as a crash does.
func (p *Postgres) Stop(ctx context.Context) error {
	return p.run(ctx, "pg_ctl", "-D", p.data, "-m", "immediate", "-w", "stop")
}

// URL is that of its maintenance database.
func (p *Postgres) URL() string {
	return "postgres://postgres@" + p.Address + "/postgres?sslmode=disable"
}
