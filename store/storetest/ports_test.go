package storetest_test

import (
	"context"

	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// adapter is what joins the two packages: only the type of Update's function differs.
type adapter struct{ *store.DB }

func (a adapter) Update(ctx context.Context, tenant string, fn func(context.Context, dirsync.Tx) error) error {
	return a.DB.Update(ctx, tenant, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

var (
	_ dirsync.Tx    = (*store.Tx)(nil)
	_ dirsync.Store = adapter{}
)
