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

-- +goose Down
drop table chores;
