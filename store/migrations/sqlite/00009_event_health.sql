-- +goose Up

create table event_health (
    tenant      text primary key,
    counted_at  integer not null,
    grace       integer not null,
    hooks_since integer,
    last_hook   integer,
    last_log    integer,
    log_since   integer,
    log_read    integer,
    last_hour   text not null,
    last_day    text not null
) without rowid;

create table alarms (
    tenant text not null,
    kind   text not null,
    since  integer not null,
    primary key (tenant, kind)
) without rowid;

-- +goose Down
drop table alarms;
drop table event_health;
