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

-- The other way by which an event came as well, hook or System Log; received is
-- that of via, which was the first.
alter table inbox add column other_at timestamptz;
-- Nearly every event gets it, about a minute after it was written: with room left in
-- the page, the row gets no new entries in the indexes.
alter table inbox set (fillfactor = 70);
-- The meter reads the last day of one tenant.
create index inbox_tenant_received on inbox (tenant, received);
drop index inbox_received;

-- How far the System Log of a tenant was read.
create table log_cursors (
    tenant       text collate "C" primary key,
    next         text not null,
    types        text not null,
    since        timestamptz not null,
    published    timestamptz not null,
    polled_at    timestamptz,
    caught_up_at timestamptz
);

-- +goose Down
drop table log_cursors;
create index inbox_received on inbox (received);
drop index inbox_tenant_received;
alter table inbox reset (fillfactor);
alter table inbox drop column other_at;
drop table chores;
