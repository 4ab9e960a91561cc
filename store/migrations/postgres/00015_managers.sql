-- +goose Up

-- Where a manager comes from. Until now Okta named all of them.
alter table people add column manager_source text not null default '';
update people set manager_source = 'okta' where manager_wanted <> '' or manager_problem <> '';
create index people_manager_problem on people (tenant, id) where manager_problem <> '';
-- First and last name, for manager texts that hold a name.
alter table people add column name_key text not null default '';
update people set name_key = lower(trim(first_name || ' ' || last_name))
    where length(first_name) + length(last_name) < 240 and not (status = 'removed' and okta_status = '');
create index people_name on people (tenant, name_key) where name_key <> '';
-- When Okta assigned the app.
alter table people add column assigned_at timestamptz;

-- A team's manager: set by an admin, and that of its first member.
alter table teams
    add column manager_id       text not null default '',
    add column first_person     text not null default '',
    add column first_at         timestamptz,
    add column first_manager_id text not null default '';
update teams set (first_person, first_at) = (
    select p.id, p.created_at from people p
    where p.tenant = teams.tenant and p.team_id <> '' and p.team_id = teams.id and p.status in ('active', 'suspended') and p.left_at is null
    order by p.created_at, p.id limit 1)
    where exists (
        select 1 from people p
        where p.tenant = teams.tenant and p.team_id <> '' and p.team_id = teams.id and p.status in ('active', 'suspended') and p.left_at is null);

-- Whom admins chose as somebody's manager.
create table manager_choices (
    tenant     text not null,
    person_id  text not null,
    manager_id text not null,
    primary key (tenant, person_id)
);
create index manager_choices_manager on manager_choices (tenant, manager_id);

-- By which rules the managers of a tenant were last settled.
create table settled_rules (
    tenant text not null,
    kind   text not null,
    digest text not null,
    primary key (tenant, kind)
);

create or replace view directory_people as select tenant, id, status, okta_status, assignment, first_name, last_name, email, login, picture, title,
    language, location, department, employee_number, custom, team_id, manager_id, login_key, email_key, created_at, updated_at, left_at, manager_source
    from people where status <> 'removed';
create or replace view directory_teams as select tenant, id, name, source, created_at, manager_id
    from teams;

-- +goose Down
drop view directory_teams;
create view directory_teams as select tenant, id, name, source, created_at
    from teams;
drop view directory_people;
create view directory_people as select tenant, id, status, okta_status, assignment, first_name, last_name, email, login, picture, title,
    language, location, department, employee_number, custom, team_id, manager_id, login_key, email_key, created_at, updated_at, left_at
    from people where status <> 'removed';
drop table settled_rules;
drop table manager_choices;
alter table teams drop column manager_id, drop column first_person, drop column first_at, drop column first_manager_id;
drop index people_name;
drop index people_manager_problem;
alter table people drop column assigned_at, drop column name_key, drop column manager_source;
