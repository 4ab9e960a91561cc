-- +goose Up

-- What Okta was last seen to say of a person, as far as the rules read it: changed rules are planned on it
-- without a call to Okta. It is in no view. Whoever has none gets it with the next read.
alter table people add column seen text not null default '';
alter table people add column seen_basis text not null default '';
alter table people add column seen_hash text not null default '';
-- When it was written.
alter table people add column seen_at integer;

-- The rules of a tenant, by their hash: those in force, and those that a run plans by. basis names the set of
-- attributes that they read, which is listed in attributes.
create table rules (
    tenant     text not null,
    hash       text not null,
    body       text not null,
    basis      text not null,
    attributes text not null,
    made_at    integer not null,
    primary key (tenant, hash)
);
-- Which are in force, which ones a run is to bring into force, and which an admin has refused.
alter table tenants add column rules text not null default '';
alter table tenants add column rules_next text not null default '';
alter table tenants add column rules_refused text not null default '';
-- By which rules a run plans.
alter table runs add column rules text not null default '';

-- +goose Down
alter table runs drop column rules;
alter table tenants drop column rules_refused;
alter table tenants drop column rules_next;
alter table tenants drop column rules;
drop table rules;
alter table people drop column seen_at;
alter table people drop column seen_hash;
alter table people drop column seen_basis;
alter table people drop column seen;
