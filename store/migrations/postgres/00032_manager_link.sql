-- +goose Up

-- The Okta id of the manager whom a linked object names. Who arrives looks here for the people
-- who wait for them.
alter table people add column manager_link text collate "C" not null default '';
create index people_manager_link on people (tenant, manager_link) where manager_link <> '';

-- +goose Down

drop index people_manager_link;
alter table people drop column manager_link;
