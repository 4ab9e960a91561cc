-- +goose Up

-- A team that ended: its people are in the one that it was merged into, or nobody is in it any more. The row stays, so
-- that the team can come back as it was.
alter table teams add column removed boolean not null default false;

-- Whose teams are to be worked out anew, because teams were merged or are no longer.
create table teams_dirty (
    tenant    text not null,
    person_id text not null,
    primary key (tenant, person_id)
) without rowid;
-- Teams that somebody has left: nobody may be in them any more.
create table teams_left (
    tenant  text not null,
    team_id text not null,
    primary key (tenant, team_id)
) without rowid;

drop view directory_teams;
create view directory_teams as select tenant, id, name, source, created_at, manager_id, parent_id, group_id
    from teams where not removed;

-- +goose Down
drop view directory_teams;
create view directory_teams as select tenant, id, name, source, created_at, manager_id, parent_id, group_id
    from teams where merged_into = '';
drop table teams_left;
drop table teams_dirty;
alter table teams drop column removed;
