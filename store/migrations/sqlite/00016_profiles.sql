-- +goose Up

-- unfit: of which fields Okta has a value that does not fit, with the reason; emptied: fields of the
-- product's own that it has emptied. Both JSON, or empty.
alter table people add column unfit text not null default '';
alter table people add column emptied text not null default '';
-- Few have any, and they are listed.
create index people_unfit on people (tenant, id) where unfit <> '';

-- +goose Down
drop index people_unfit;
alter table people drop column emptied;
alter table people drop column unfit;
