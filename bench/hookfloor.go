package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// floorPath is where the floor takes the same requests as the service.
const floorPath = "/floor"

// floorCommand is the least that a hook endpoint can do that keeps what it was
// given: read the body, insert it into a table of one column, commit, answer.
type floorCommand struct {
	Listen   string `required:""`
	Database string `required:""`
	Conns    int    `default:"25"`
}

// Run serves until it is told to stop.
func (c floorCommand) Run(e *env) error {
	db, err := sql.Open("pgx", c.Database)
	if err != nil {
		return fmt.Errorf("open the floor's database: %w", err)
	}
	defer db.Close()
	db.SetMaxOpenConns(c.Conns)
	db.SetMaxIdleConns(c.Conns)
	if _, err := db.ExecContext(e.ctx, "create table if not exists floor (payload text not null)"); err != nil {
		return fmt.Errorf("make the floor's table: %w", err)
	}
	router := echo.New()
	router.HideBanner, router.HidePort = true, true
	router.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	router.POST(floorPath, func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return fmt.Errorf("read a body: %w", err)
		}
		if _, err := db.ExecContext(c.Request().Context(), "insert into floor (payload) values ($1)", string(body)); err != nil {
			return fmt.Errorf("insert a body: %w", err)
		}
		return c.NoContent(http.StatusNoContent)
	})
	server := http.Server{
		Addr: c.Listen, Handler: router,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the floor: %w", err)
	case <-e.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop the floor: %w", err)
	}
	return nil
}
