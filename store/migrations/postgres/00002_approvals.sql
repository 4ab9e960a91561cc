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

-- +goose Down
drop table acts;
