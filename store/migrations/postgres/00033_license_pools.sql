-- +goose Up

-- How many licenses of each pool are held: whoever gives one asks for it each time. It is kept with the claims, in the
-- same transaction.
create table license_pools (
    tenant text collate "C" not null,
    pool   text collate "C" not null,
    held   bigint not null,
    primary key (tenant, pool)
);
insert into license_pools (tenant, pool, held)
    select tenant, pool, count(*) from license_claims where held group by tenant, pool;

-- A run that is to bring rules into force stands for no other one in the queue: it plans by them.
drop index runs_waiting;
create unique index runs_waiting on runs (tenant, scope_kind, scope_id, dry_run, rules)
    where state = 'queued' and date = '' and lease_owner = '';

-- +goose Down
drop index runs_waiting;
create unique index runs_waiting on runs (tenant, scope_kind, scope_id, dry_run)
    where state = 'queued' and date = '' and lease_owner = '';
drop table license_pools;
