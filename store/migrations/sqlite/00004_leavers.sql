-- +goose Up

-- Scopes that are read once more, because Okta may show a change a while after it has
-- told of it. One row for each, however many events asked; swept_at is when it was last
-- handed to the queue.
create table second_looks (
    tenant     text not null,
    scope_kind text not null,
    scope_id   text not null,
    due_at     integer not null,
    swept_at   integer,
    primary key (tenant, scope_kind, scope_id)
);
create index second_looks_due on second_looks (due_at);

-- +goose Down
drop table second_looks;
