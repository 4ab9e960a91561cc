-- +goose Up

-- What is known of each tenant's event hook in Okta. secret is the fingerprint of the one that
-- Okta was given; next_id and next_secret belong to the hook that takes over while the
-- secret is being changed.
create table hooks (
    tenant      text collate "C" primary key,
    hook_id     text not null default '',
    url         text not null default '',
    secret      text not null default '',
    next_id     text not null default '',
    next_secret text not null default '',
    state       text not null default '',
    problem     text not null default '',
    state_since timestamptz,
    checked_at  timestamptz
);

-- With which secrets hooks came, by fingerprint. The empty one stands for those that were refused.
create table hook_uses (
    tenant  text collate "C" not null,
    secret  text collate "C" not null,
    uses    bigint not null,
    last_at timestamptz not null,
    primary key (tenant, secret)
);

-- The processes that take hooks, and the secrets that each of them accepts, by fingerprint.
create table hook_doors (
    owner   text collate "C" primary key,
    seen_at timestamptz not null,
    secrets text not null
);

-- +goose Down
drop table hook_doors;
drop table hook_uses;
drop table hooks;
