-- +goose Up

-- The other teams of a person, as JSON, or empty; team_id is the primary one.
alter table people add column further_teams text not null default '';
-- The same, to be found by the team.
create table team_members (
    tenant    text not null,
    team_id   text not null,
    person_id text not null,
    primary key (tenant, team_id, person_id)
);
create index team_members_person on team_members (tenant, person_id);

-- The team above it, and the Okta group that it is made of.
alter table teams add column parent_id text not null default '';
alter table teams add column group_id text not null default '';
create index teams_parent on teams (tenant, parent_id) where parent_id <> '';

drop view directory_teams;
create view directory_teams as select tenant, id, name, source, created_at, manager_id, parent_id, group_id
    from teams where merged_into = '';
-- Who is in which team. is_primary says whether it is the person's primary one.
create view directory_team_members as
    select tenant, team_id, id as person_id, true as is_primary from people where team_id <> '' and status <> 'removed'
    union all
    select m.tenant, m.team_id, m.person_id, false from team_members m join people p on p.tenant = m.tenant and p.id = m.person_id
        where p.status <> 'removed';

-- +goose Down
drop view directory_team_members;
drop view directory_teams;
create view directory_teams as select tenant, id, name, source, created_at, manager_id
    from teams where merged_into = '';
drop index teams_parent;
alter table teams drop column group_id;
alter table teams drop column parent_id;
drop table team_members;
alter table people drop column further_teams;
