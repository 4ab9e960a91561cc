-- +goose Up

-- The same tables as on Postgres. Times are whole microseconds since 1970, UTC.
-- Tables that are read by their key alone are kept in its order (without rowid).
-- Those that have other indexes are not: SQLite would then search by the first
-- columns of the key, which is to read the whole tenant.

create table tenants (
    slug          text primary key,
    change_seq    integer not null default 0,
    blocked       text not null default '',
    blocked_since integer,
    created_at    integer not null
) without rowid;

create table people (
    tenant              text not null,
    id                  text not null,
    status              text not null,
    okta_status         text not null,
    assignment          text not null,
    first_name          text not null,
    last_name           text not null,
    email               text not null,
    login               text not null,
    picture             text not null,
    title               text not null,
    language            text not null,
    location            text not null,
    department          text not null,
    employee_number     text not null,
    manager_id_text     text not null,
    manager_text        text not null,
    custom              text not null,
    team_id             text not null,
    login_key           text not null,
    email_key           text not null,
    employee_number_key text not null,
    manager_id_key      text not null,
    manager_text_key    text not null,
    manager_id          text not null default '',
    manager_wanted      text not null default '',
    manager_problem     text not null default '',
    hash                text not null,
    observed_at         integer not null,
    groups_observed_at integer not null,
    created_at          integer not null,
    updated_at          integer not null,
    primary key (tenant, id)
);
create index people_status on people (tenant, status, id);
create index people_team on people (tenant, team_id, id) where team_id <> '';
create index people_login on people (tenant, login_key) where login_key <> '';
-- Most people sign in with their e-mail: those are found by login.
create index people_email on people (tenant, email_key) where email_key <> '' and email_key <> login_key;
create index people_employee_number on people (tenant, employee_number_key) where employee_number_key <> '';
create index people_manager_id on people (tenant, manager_id_key) where manager_id_key <> '';
create index people_manager_text on people (tenant, manager_text_key) where manager_text_key <> '';

create table managers_dirty (
    tenant    text not null,
    person_id text not null,
    primary key (tenant, person_id)
) without rowid;

create table teams (
    tenant     text not null,
    id         text not null,
    source     text not null,
    name       text not null,
    created_at integer not null,
    primary key (tenant, id)
) without rowid;

create table groups (
    tenant      text not null,
    id          text not null,
    name        text not null,
    description text not null,
    type        text not null,
    removed     boolean not null,
    observed_at integer not null,
    created_at  integer not null,
    updated_at  integer not null,
    primary key (tenant, id)
) without rowid;

create table memberships (
    tenant      text not null,
    group_id    text not null,
    person_id   text not null,
    present     boolean not null,
    observed_at integer not null,
    primary key (tenant, group_id, person_id)
);
create index memberships_person on memberships (tenant, person_id, group_id);

create table changes (
    tenant     text not null,
    seq        integer not null,
    at         integer not null,
    type       text not null,
    subject    text not null,
    subject_id text not null,
    person_id  text not null,
    fields     text not null,
    cause      text not null,
    primary key (tenant, seq)
);
create index changes_person on changes (tenant, person_id, seq) where person_id <> '';

create table quarantine (
    tenant    text not null,
    person_id text not null,
    reason    text not null,
    fields    text not null,
    since     integer not null,
    seen      integer not null,
    primary key (tenant, person_id)
) without rowid;

create table ignored_attributes (
    tenant text not null,
    name   text not null,
    primary key (tenant, name)
) without rowid;

create table inbox (
    tenant      text not null,
    uuid        text not null,
    type        text not null,
    published   integer not null,
    received    integer not null,
    via         text not null,
    delivery_id text not null,
    outcome     text not null,
    primary key (tenant, uuid)
);
create index inbox_received on inbox (received);

-- One row per event and scope. swept_at is when the scope was last handed to
-- the queue: at first when the event was received, then by each sweep.
create table inbox_scopes (
    tenant     text not null,
    uuid       text not null,
    scope_kind text not null,
    scope_id   text not null,
    urgent     boolean not null,
    swept_at   integer not null,
    parked_at  integer,
    reason     text not null default '',
    done_at    integer,
    outcome    text not null default '',
    primary key (tenant, uuid, scope_kind, scope_id)
);
create index inbox_scopes_undone on inbox_scopes (tenant, scope_kind, scope_id, uuid) where done_at is null;
create index inbox_scopes_sweep on inbox_scopes (urgent, swept_at) where done_at is null and parked_at is null;

create table runs (
    tenant      text not null,
    id          text not null,
    scope_kind  text not null,
    scope_id    text not null,
    cause       text not null,
    date        text not null,
    asked_by    text not null,
    state       text not null,
    created_at  integer not null,
    started_at  integer,
    finished_at integer,
    progress    text not null,
    counts      text not null,
    error       text not null,
    plan_seq    integer not null default 0,
    lease_owner text not null default '',
    lease_until integer,
    swept_at    integer not null,
    primary key (tenant, id)
);
create unique index runs_nightly on runs (tenant, date) where date <> '';
create unique index runs_waiting on runs (tenant, scope_kind, scope_id)
    where state = 'queued' and date = '' and lease_owner = '';
create index runs_created on runs (tenant, created_at, id);
create index runs_open on runs (swept_at) where state in ('queued', 'reading', 'applying');

create table plan (
    tenant      text not null,
    run         text not null,
    seq         integer not null,
    type        text not null,
    subject     text not null,
    subject_id  text not null,
    person_id   text not null,
    before_hash text not null,
    observed_at integer not null,
    fields      text not null,
    after       text not null,
    primary key (tenant, run, seq)
);
create index plan_people on plan (tenant, run, subject_id) where subject = 'person';

-- What a run has seen so far. See staging.go for staged_runs.
create table staged_runs (
    tenant text not null,
    run    text not null,
    primary key (tenant, run)
) without rowid;
create table staged (
    tenant text not null,
    run    text not null,
    kind   text not null,
    id     text not null,
    primary key (tenant, run, kind, id)
) without rowid;
create table staged_members (
    tenant    text not null,
    run       text not null,
    group_id  text not null,
    person_id text not null,
    at        integer not null,
    primary key (tenant, run, group_id, person_id)
) without rowid;
create table staged_groups (
    tenant   text not null,
    run      text not null,
    group_id text not null,
    first_at integer not null,
    complete boolean not null,
    primary key (tenant, run, group_id)
) without rowid;

-- +goose Down
drop table staged_groups;
drop table staged_members;
drop table staged;
drop table staged_runs;
drop table plan;
drop table runs;
drop table inbox_scopes;
drop table inbox;
drop table ignored_attributes;
drop table quarantine;
drop table changes;
drop table memberships;
drop table groups;
drop table teams;
drop table managers_dirty;
drop table people;
drop table tenants;
