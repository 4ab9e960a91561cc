-- +goose Up

-- version is that of the list (tenants_version) when something here last changed.
-- seen_at is when a process last had the tenant in its configuration file.
alter table tenants
    add column version      bigint not null default 0,
    add column seen_at      timestamptz,
    add column paused_at    timestamptz,
    add column paused_by    text not null default '',
    add column pause_reason text not null default '',
    add column removed_at   timestamptz,
    add column removed_by   text not null default '';

-- Tenants that the API manages. settings holds no secrets; those are in
-- secrets, each encrypted.
create table tenant_settings (
    tenant     text collate "C" primary key,
    settings   text not null,
    secrets    text not null,
    created_at timestamptz not null,
    created_by text not null,
    updated_at timestamptz not null,
    updated_by text not null
);

-- One row: every process looks at it to know whether the list of tenants changed.
create table tenants_version (
    version bigint not null
);
insert into tenants_version (version) values (0);

-- +goose Down
drop table tenants_version, tenant_settings;
alter table tenants
    drop column version,
    drop column seen_at,
    drop column paused_at,
    drop column paused_by,
    drop column pause_reason,
    drop column removed_at,
    drop column removed_by;
