-- +goose Up

-- The values that rules about roles and licenses read, so that an event about a group need not ask Okta for
-- each member's profile.
alter table people add column attributes text not null default '';

-- kept says why somebody has a role, or a license, that no rule gives them any more.
create table role_grants (
    tenant    text not null,
    person_id text not null,
    role      text not null,
    team      text not null,
    role_set  text not null,
    rule      text not null,
    via       text not null,
    kept      text not null,
    since     integer not null,
    primary key (tenant, person_id, role, team)
);
create index role_grants_role on role_grants (tenant, role, person_id);

create table license_claims (
    tenant    text not null,
    person_id text not null,
    pool      text not null,
    held      boolean not null,
    since     integer not null,
    held_at   integer,
    rank      integer not null,
    rule      text not null,
    via       text not null,
    kept      text not null,
    primary key (tenant, person_id, pool)
);
-- Who waits, in order, and how many hold one.
create index license_claims_line on license_claims (tenant, pool, held, since, person_id);

-- Whose roles and licenses are to be worked out anew.
create table grants_dirty (
    tenant    text not null,
    person_id text not null,
    primary key (tenant, person_id)
) without rowid;

-- By which rules everybody's were worked out last.
alter table tenants add column grant_basis text not null default '';

-- What a plan says of one person, memberships included.
create index plan_persons on plan (tenant, run, person_id) where person_id <> '';

create view directory_roles as select tenant, person_id, role, team, role_set, rule, via, kept, since from role_grants;
create view directory_licenses as select tenant, person_id, pool, held, since, held_at, rule, via, kept from license_claims;

-- +goose Down
drop view directory_roles;
drop view directory_licenses;
drop index plan_persons;
alter table tenants drop column grant_basis;
drop table role_grants;
drop table license_claims;
drop table grants_dirty;
alter table people drop column attributes;
