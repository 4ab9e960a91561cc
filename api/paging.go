package api

import "github.com/oktasync/oktasync/api/v1"

// Parts of inputs are exported because the router reads only exported fields.

// TenantPath is in every operation of one tenant.
type TenantPath struct {
	Tenant string `path:"tenant" maxLength:"100" doc:"The tenant's slug; a single-tenant installation has one, default" example:"default"`
}

// LimitQuery is in every list.
type LimitQuery struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most this many items"`
}

// PageQuery is in every list that goes on by id.
type PageQuery struct {
	LimitQuery
	After string `query:"after" maxLength:"320" doc:"The 'next' of the page before"`
}

// listInput is all that most lists take.
type listInput struct {
	TenantPath
	PageQuery
}

// body wraps an answer the way the router wants it.
type body[T any] struct {
	Body T
}

// pageOut is one page as an answer.
type pageOut[T any] = body[v1.Page[T]]

// page makes a page of rows of which one more than limit was asked for: that
// one says whether there is a next page. key is what a row continues after.
func page[R, A any](rows []R, limit int, one func(R) A, key func(R) string) *pageOut[A] {
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = key(rows[limit-1])
	}
	return &pageOut[A]{Body: v1.Page[A]{Items: convert(rows, one), Next: next}}
}
