-- +goose Up

-- Where a product has changes posted to (docs/webhooks.md). secrets holds sealed ones. All changes up to
-- cursor were delivered, were not asked for, or have a row in deliveries. Whoever holds the lease delivers.
create table endpoints (
    tenant          text not null,
    id              text not null,
    name            text not null,
    url             text not null,
    types           text not null,
    teams           text not null,
    secrets         text not null,
    version         integer not null default 1,
    created_at      integer not null,
    created_by      text not null,
    updated_at      integer not null,
    disabled_at     integer,
    disabled_by     text not null default '',
    disabled_reason text not null default '',
    cursor          integer not null,
    turn            integer not null default 0,
    lease_until     integer,
    swept_at        integer,
    rest_until      integer,
    rests           integer not null default 0,
    slow            integer not null default false,
    attempts        integer not null default 0,
    failing_since   integer,
    alarmed_at      integer,
    last_success    integer,
    last_problem    text not null default '',
    missed          integer not null default 0,
    primary key (tenant, id)
);

-- What failed, and what waits behind it: references to changes, never their values. about is the person,
-- team or group whose changes keep their order. Without due_at it waits for the one before. The changes that
-- are behind no other one need no row.
create table deliveries (
    pos        integer primary key autoincrement,
    tenant     text not null,
    endpoint   text not null,
    seq        integer not null,
    replay     text not null,
    about      text not null,
    state      text not null,
    attempts   integer not null,
    due_at     integer,
    created_at integer not null,
    status     integer not null,
    problem    text not null
);
create unique index deliveries_change on deliveries (tenant, endpoint, seq, replay);
create index deliveries_due on deliveries (tenant, endpoint, due_at) where state = 'waiting' and due_at is not null;
create index deliveries_about on deliveries (tenant, endpoint, about, pos) where state = 'waiting';
create index deliveries_state on deliveries (tenant, endpoint, state, pos);

-- The newest attempts of each endpoint. answer is the beginning of what the receiver said.
create table delivery_attempts (
    tenant   text not null,
    endpoint text not null,
    no       integer not null,
    seq      integer not null,
    replay   text not null,
    about    text not null,
    attempt  integer not null,
    at       integer not null,
    ok       integer not null,
    status   integer not null,
    took     integer not null,
    problem  text not null,
    answer   text not null,
    primary key (tenant, endpoint, no)
);
create index delivery_attempts_change on delivery_attempts (tenant, endpoint, seq, replay, no);
create index delivery_attempts_about on delivery_attempts (tenant, about) where answer <> '';

-- +goose Down
drop table delivery_attempts;
drop table deliveries;
drop table endpoints;
