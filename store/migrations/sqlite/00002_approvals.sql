-- +goose Up

-- What admins did. The id is one for all tenants: it only has to grow.
create table acts (
    id      integer primary key autoincrement,
    tenant  text not null,
    at      integer not null,
    actor   text not null,
    role    text not null,
    kind    text not null,
    subject text not null,
    run     text not null,
    reason  text not null
);
create index acts_tenant on acts (tenant, id);

-- A run that waits for an admin: since when its plan is complete, until when that is
-- good, and what was decided (as JSON).
alter table runs add column planned_at integer;
alter table runs add column waits_until integer;
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
alter table groups add column members_observed_at integer;

-- What the operator is to be told: one row for each way on which it goes out.
create table alerts (
    id       text not null,
    channel  text not null,
    tenant   text not null,
    kind     text not null,
    run      text not null,
    sentence text not null,
    at       integer not null,
    attempts integer not null default 0,
    next_at  integer not null,
    done_at  integer,
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
