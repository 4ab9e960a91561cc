-- +goose Up

-- What Okta calls a team that an admin has given another name, and the team that it was merged into.
alter table teams add column okta_name text not null default '';
alter table teams add column merged_into text not null default '';
create index teams_merged on teams (tenant, merged_into) where merged_into <> '';

create or replace view directory_teams as select tenant, id, name, source, created_at, manager_id
    from teams where merged_into = '';

-- +goose Down
drop view directory_teams;
create view directory_teams as select tenant, id, name, source, created_at, manager_id
    from teams;
drop index teams_merged;
alter table teams drop column merged_into;
alter table teams drop column okta_name;
