-- +goose Up

-- What admins did. The id is one for all tenants: it only has to grow.
create table acts (
    id      bigint generated always as identity primary key,
    tenant  text collate "C" not null,
    at      timestamptz not null,
    actor   text not null,
    role    text not null,
    kind    text not null,
    subject text not null,
    run     text collate "C" not null,
    reason  text not null
);
create index acts_tenant on acts (tenant, id);

-- A run that waits for an admin: since when its plan is complete, until when that is
-- good, and what was decided (as JSON).
alter table runs add column planned_at timestamptz;
alter table runs add column waits_until timestamptz;
alter table runs add column decision text not null default '';
alter table runs add column plan_summary text not null default '';
create index runs_approval on runs (tenant) where state in ('held', 'planned');
-- A dry run stops after its plan: neither stands for the other while it waits in the queue.
alter table runs add column dry_run boolean not null default false;
drop index runs_waiting;
create unique index runs_waiting on runs (tenant, scope_kind, scope_id, dry_run)
    where state = 'queued' and date = '' and lease_owner = '';
-- Until now a run that was held was over, and whether its plan is complete is not known.
update runs set state = 'outdated' where state = 'held';

-- When a group's list of members was last read to its end.
alter table groups add column members_observed_at timestamptz;

-- What the operator is to be told: one row for each way on which it goes out.
create table alerts (
    id       text collate "C" not null,
    channel  text collate "C" not null,
    tenant   text collate "C" not null,
    kind     text not null,
    run      text not null,
    sentence text not null,
    at       timestamptz not null,
    attempts integer not null default 0,
    next_at  timestamptz not null,
    done_at  timestamptz,
    error    text not null default '',
    primary key (id, channel)
);
create index alerts_due on alerts (channel, next_at) where done_at is null;

-- +goose Down
drop table alerts;
alter table groups drop column members_observed_at;
drop index runs_waiting;
create unique index runs_waiting on runs (tenant, scope_kind, scope_id)
    where state = 'queued' and date = '' and lease_owner = '';
alter table runs drop column dry_run;
drop index runs_approval;
alter table runs drop column plan_summary;
alter table runs drop column decision;
alter table runs drop column waits_until;
alter table runs drop column planned_at;
drop table acts;
