-- +goose Up

create table chores (
    tenant        text not null,
    chore         text not null,
    due_at        integer not null,
    swept_at      integer,
    turn          integer not null default 0,
    lease_until   integer,
    done_at       integer,
    result        text not null default '',
    problem       text not null default '',
    problem_since integer,
    primary key (tenant, chore)
) without rowid;

alter table inbox add column other_at integer;
create index inbox_tenant_received on inbox (tenant, received);
drop index inbox_received;

create table log_cursors (
    tenant       text primary key,
    next         text not null,
    types        text not null,
    since        integer not null,
    published    integer not null,
    polled_at    integer,
    caught_up_at integer
) without rowid;

-- +goose Down
drop table log_cursors;
create index inbox_received on inbox (received);
drop index inbox_tenant_received;
alter table inbox drop column other_at;
drop table chores;
