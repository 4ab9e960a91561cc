-- +goose Up

-- The last measurement of how each tenant's events came. hooks_since is when the first hook was
-- seen to come, last_hook and last_log when an event last came by each way.
create table event_health (
    tenant      text collate "C" primary key,
    counted_at  timestamptz not null,
    grace       bigint not null,
    hooks_since timestamptz,
    last_hook   timestamptz,
    last_log    timestamptz,
    log_since   timestamptz,
    log_read    timestamptz,
    last_hour   text not null,
    last_day    text not null
);

-- What an alert went out for and is not mended yet: there is no second alert before it is.
create table alarms (
    tenant text collate "C" not null,
    kind   text collate "C" not null,
    since  timestamptz not null,
    primary key (tenant, kind)
);

-- +goose Down
drop table alarms, event_health;
