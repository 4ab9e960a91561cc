-- +goose Up

-- Recurring work of each tenant. A row that is due and that no worker holds has a
-- task, or gets one: swept_at is when it was last handed to the queue. turn
-- counts the turns begun, so that whoever lost a turn cannot end another's.
create table chores (
    tenant        text collate "C" not null,
    chore         text collate "C" not null,
    due_at        timestamptz not null,
    swept_at      timestamptz,
    turn          bigint not null default 0,
    lease_until   timestamptz,
    done_at       timestamptz,
    result        text not null default '',
    problem       text not null default '',
    problem_since timestamptz,
    primary key (tenant, chore)
);

-- +goose Down
drop table chores;
