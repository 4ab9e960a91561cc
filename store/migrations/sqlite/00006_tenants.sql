-- +goose Up

-- version is that of the list (tenants_version) when something here last changed.
-- seen_at is when a process last had the tenant in its configuration file.
alter table tenants add column version      integer not null default 0;
alter table tenants add column seen_at      integer;
alter table tenants add column paused_at    integer;
alter table tenants add column paused_by    text not null default '';
alter table tenants add column pause_reason text not null default '';
alter table tenants add column removed_at   integer;
alter table tenants add column removed_by   text not null default '';

-- Tenants that the API manages. settings holds no secrets; those are in
-- secrets, each encrypted.
create table tenant_settings (
    tenant     text primary key,
    settings   text not null,
    secrets    text not null,
    created_at integer not null,
    created_by text not null,
    updated_at integer not null,
    updated_by text not null
);

-- One row: every process looks at it to know whether the list of tenants changed.
create table tenants_version (
    version integer not null
);
insert into tenants_version (version) values (0);

-- +goose Down
drop table tenants_version;
drop table tenant_settings;
alter table tenants drop column version;
alter table tenants drop column seen_at;
alter table tenants drop column paused_at;
alter table tenants drop column paused_by;
alter table tenants drop column pause_reason;
alter table tenants drop column removed_at;
alter table tenants drop column removed_by;
