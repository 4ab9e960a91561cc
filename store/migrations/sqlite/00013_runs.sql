-- +goose Up

-- Each event about a group makes a run, so that a tenant soon has many of them. Whoever looks for those that
-- are under way, that wait, or that were full syncs must not read the others.
create index runs_state on runs (state, tenant, scope_kind, scope_id);
create index runs_full on runs (tenant, created_at, id) where scope_kind = 'full';

-- Each event about a person asks how many people wait for whom no run reads yet: not a question to be
-- answered by looking through those that a run does read for.
create index inbox_scopes_unread on inbox_scopes (tenant, scope_kind, scope_id)
    where done_at is null and parked_at is null and not urgent and read_by = '';

-- +goose Down
drop index inbox_scopes_unread;
drop index runs_full;
drop index runs_state;
