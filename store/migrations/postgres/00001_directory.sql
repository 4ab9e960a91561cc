-- +goose Up

-- Ids are compared byte by byte (collate "C"), as Go does: pages follow in the
-- same order in the database and in the program. Texts that have no value are
-- empty, never null. There are no foreign keys: their checks would lock the
-- tenant's row against the transaction that holds it, and every write goes through
-- one package.

create table tenants (
    slug          text collate "C" primary key,
    change_seq    bigint not null default 0,
    blocked       text not null default '',
    blocked_since timestamptz,
    created_at    timestamptz not null
);

create table people (
    tenant              text collate "C" not null,
    id                  text collate "C" not null,
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
    team_id             text collate "C" not null,
    login_key           text collate "C" not null,
    email_key           text collate "C" not null,
    employee_number_key text collate "C" not null,
    manager_id_key      text collate "C" not null,
    manager_text_key    text collate "C" not null,
    manager_id          text collate "C" not null default '',
    manager_wanted      text collate "C" not null default '',
    manager_problem     text not null default '',
    hash                text collate "C" not null,
    observed_at         timestamptz not null,
    groups_observed_at timestamptz not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    primary key (tenant, id)
)
-- The manager is written in a second pass: with room left in its page, the row
-- gets no new entries in the indexes.
with (fillfactor = 50);
create index people_status on people (tenant, status, id);
create index people_team on people (tenant, team_id, id) where team_id <> '';
create index people_login on people (tenant, login_key) where login_key <> '';
-- Most people sign in with their e-mail: those are found by login.
create index people_email on people (tenant, email_key) where email_key <> '' and email_key <> login_key;
create index people_employee_number on people (tenant, employee_number_key) where employee_number_key <> '';
create index people_manager_id on people (tenant, manager_id_key) where manager_id_key <> '';
create index people_manager_text on people (tenant, manager_text_key) where manager_text_key <> '';

create table managers_dirty (
    tenant    text collate "C" not null,
    person_id text collate "C" not null,
    primary key (tenant, person_id)
);

create table teams (
    tenant     text collate "C" not null,
    id         text collate "C" not null,
    source     text not null,
    name       text not null,
    created_at timestamptz not null,
    primary key (tenant, id)
);

create table groups (
    tenant      text collate "C" not null,
    id          text collate "C" not null,
    name        text not null,
    description text not null,
    type        text not null,
    removed     boolean not null,
    observed_at timestamptz not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant, id)
);

create table memberships (
    tenant      text collate "C" not null,
    group_id    text collate "C" not null,
    person_id   text collate "C" not null,
    present     boolean not null,
    observed_at timestamptz not null,
    primary key (tenant, group_id, person_id)
);
create index memberships_person on memberships (tenant, person_id, group_id);

create table changes (
    tenant     text collate "C" not null,
    seq        bigint not null,
    at         timestamptz not null,
    type       text not null,
    subject    text not null,
    subject_id text collate "C" not null,
    person_id  text collate "C" not null,
    fields     text not null,
    cause      text not null,
    primary key (tenant, seq)
);
create index changes_person on changes (tenant, person_id, seq) where person_id <> '';

create table quarantine (
    tenant    text collate "C" not null,
    person_id text collate "C" not null,
    reason    text not null,
    fields    text not null,
    since     timestamptz not null,
    seen      timestamptz not null,
    primary key (tenant, person_id)
);

create table ignored_attributes (
    tenant text collate "C" not null,
    name   text collate "C" not null,
    primary key (tenant, name)
);

create table inbox (
    tenant      text collate "C" not null,
    uuid        text collate "C" not null,
    type        text not null,
    published   timestamptz not null,
    received    timestamptz not null,
    via         text not null,
    delivery_id text not null,
    outcome     text not null,
    primary key (tenant, uuid)
);
create index inbox_received on inbox (received);

-- One row per event and scope. swept_at is when the scope was last handed to
-- the queue: at first when the event was received, then by each sweep.
create table inbox_scopes (
    tenant     text collate "C" not null,
    uuid       text collate "C" not null,
    scope_kind text collate "C" not null,
    scope_id   text collate "C" not null,
    urgent     boolean not null,
    swept_at   timestamptz not null,
    parked_at  timestamptz,
    reason     text not null default '',
    done_at    timestamptz,
    outcome    text not null default '',
    primary key (tenant, uuid, scope_kind, scope_id)
);
create index inbox_scopes_undone on inbox_scopes (tenant, scope_kind, scope_id, uuid) where done_at is null;
create index inbox_scopes_sweep on inbox_scopes (urgent, swept_at) where done_at is null and parked_at is null;

create table runs (
    tenant      text collate "C" not null,
    id          text collate "C" not null,
    scope_kind  text collate "C" not null,
    scope_id    text collate "C" not null,
    cause       text not null,
    date        text collate "C" not null,
    asked_by    text not null,
    state       text not null,
    created_at  timestamptz not null,
    started_at  timestamptz,
    finished_at timestamptz,
    progress    text not null,
    counts      text not null,
    error       text not null,
    plan_seq    bigint not null default 0,
    lease_owner text not null default '',
    lease_until timestamptz,
    swept_at    timestamptz not null,
    primary key (tenant, id)
);
create unique index runs_nightly on runs (tenant, date) where date <> '';
create unique index runs_waiting on runs (tenant, scope_kind, scope_id)
    where state = 'queued' and date = '' and lease_owner = '';
create index runs_created on runs (tenant, created_at, id);
create index runs_open on runs (swept_at) where state in ('queued', 'reading', 'applying');

create table plan (
    tenant      text collate "C" not null,
    run         text collate "C" not null,
    seq         bigint not null,
    type        text not null,
    subject     text not null,
    subject_id  text collate "C" not null,
    person_id   text collate "C" not null,
    before_hash text not null,
    observed_at timestamptz not null,
    fields      text not null,
    after       text not null,
    primary key (tenant, run, seq)
);
create index plan_people on plan (tenant, run, subject_id) where subject = 'person';

-- What a run has seen so far. Unlogged: writing it costs no flush, and after a
-- crash of the server it is empty. staged_runs is emptied with the others, so
-- that a run whose mark is missing knows that its reading is lost, and starts over
-- instead of taking what it has seen since for everything there is. The plan
-- is logged: it must survive until it is applied.
create unlogged table staged_runs (
    tenant text collate "C" not null,
    run    text collate "C" not null,
    primary key (tenant, run)
);
create unlogged table staged (
    tenant text collate "C" not null,
    run    text collate "C" not null,
    kind   text collate "C" not null,
    id     text collate "C" not null,
    primary key (tenant, run, kind, id)
);
create unlogged table staged_members (
    tenant    text collate "C" not null,
    run       text collate "C" not null,
    group_id  text collate "C" not null,
    person_id text collate "C" not null,
    at        timestamptz not null,
    primary key (tenant, run, group_id, person_id)
);
create unlogged table staged_groups (
    tenant   text collate "C" not null,
    run      text collate "C" not null,
    group_id text collate "C" not null,
    first_at timestamptz not null,
    complete boolean not null,
    primary key (tenant, run, group_id)
);

-- +goose Down
drop table staged_groups, staged_members, staged, staged_runs, plan, runs, inbox_scopes, inbox,
    ignored_attributes, quarantine, changes, memberships, groups, teams, managers_dirty, people, tenants;
