-- +goose Up

-- Who has which value of the custom fields that are unique in their tenant: rows of tenants alone whose rules name
-- such fields. key is a digest of the value.
create table unique_values (
    tenant    text not null,
    field     text not null,
    key       text not null,
    person_id text not null,
    primary key (tenant, field, key, person_id)
);
create index unique_values_person on unique_values (tenant, person_id);

-- Of which fields the values stand there; see store/unique.go.
alter table tenants add column unique_index text not null default '';

-- Who has the value that keeps a record from being applied: when that becomes free, it is looked at again.
alter table quarantine add column holder text not null default '';
create index quarantine_holder on quarantine (tenant, holder) where holder <> '';

-- +goose Down
drop index quarantine_holder;
alter table quarantine drop column holder;
alter table tenants drop column unique_index;
drop table unique_values;
