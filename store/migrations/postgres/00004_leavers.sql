-- +goose Up

-- Scopes that are read once more, because Okta may show a change a while after it has
-- told of it. One row for each, however many events asked; swept_at is when it was last
-- handed to the queue.
create table second_looks (
    tenant     text collate "C" not null,
    scope_kind text collate "C" not null,
    scope_id   text collate "C" not null,
    due_at     timestamptz not null,
    swept_at   timestamptz,
    primary key (tenant, scope_kind, scope_id)
);
create index second_looks_due on second_looks (due_at);

-- +goose Down
drop table second_looks;
