-- +goose Up

-- Each event about a group makes a run, so that a tenant soon has many of them. Whoever looks for those that
-- are under way, that wait, or that were full syncs must not read the others.
create index runs_state on runs (state, tenant, scope_kind, scope_id);
create index runs_full on runs (tenant, created_at, id) where scope_kind = 'full';

-- +goose Down
drop index runs_full;
drop index runs_state;
