-- +goose Up

-- Where a product has changes posted to (docs/webhooks.md). secrets holds sealed ones. All changes up to
-- cursor were delivered, were not asked for, or have a row in deliveries. Whoever holds the lease delivers.
create table endpoints (
    tenant          text collate "C" not null,
    id              text collate "C" not null,
    name            text not null,
    url             text not null,
    types           text not null,
    teams           text not null,
    secrets         text not null,
    version         bigint not null default 1,
    created_at      timestamptz not null,
    created_by      text not null,
    updated_at      timestamptz not null,
    disabled_at     timestamptz,
    disabled_by     text not null default '',
    disabled_reason text not null default '',
    cursor          bigint not null,
    turn            bigint not null default 0,
    lease_until     timestamptz,
    swept_at        timestamptz,
    rest_until      timestamptz,
    rests           integer not null default 0,
    slow            boolean not null default false,
    attempts        bigint not null default 0,
    failing_since   timestamptz,
    alarmed_at      timestamptz,
    last_success    timestamptz,
    last_problem    text not null default '',
    missed          bigint not null default 0,
    primary key (tenant, id)
);

-- What failed, and what waits behind it: references to changes, never their values. about is the person,
-- team or group whose changes keep their order. Without due_at it waits for the one before. The changes that
-- are behind no other one need no row.
create table deliveries (
    pos        bigint generated always as identity primary key,
    tenant     text collate "C" not null,
    endpoint   text collate "C" not null,
    seq        bigint not null,
    replay     text collate "C" not null,
    about      text collate "C" not null,
    state      text collate "C" not null,
    attempts   integer not null,
    due_at     timestamptz,
    created_at timestamptz not null,
    status     integer not null,
    problem    text not null
);
create unique index deliveries_change on deliveries (tenant, endpoint, seq, replay);
create index deliveries_due on deliveries (tenant, endpoint, due_at) where state = 'waiting' and due_at is not null;
create index deliveries_about on deliveries (tenant, endpoint, about, pos) where state = 'waiting';
create index deliveries_state on deliveries (tenant, endpoint, state, pos);

-- The newest attempts of each endpoint. answer is the beginning of what the receiver said.
create table delivery_attempts (
    tenant   text collate "C" not null,
    endpoint text collate "C" not null,
    no       bigint not null,
    seq      bigint not null,
    replay   text collate "C" not null,
    about    text collate "C" not null,
    attempt  integer not null,
    at       timestamptz not null,
    ok       boolean not null,
    status   integer not null,
    took     bigint not null,
    problem  text not null,
    answer   text not null,
    primary key (tenant, endpoint, no)
);
create index delivery_attempts_change on delivery_attempts (tenant, endpoint, seq, replay, no);
create index delivery_attempts_about on delivery_attempts (tenant, about) where answer <> '';

-- +goose Down
drop table delivery_attempts, deliveries, endpoints;
