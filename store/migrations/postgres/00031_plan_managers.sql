-- +goose Up

-- What a plan makes of managers, while that is worked out: by which names the people can be found whom the plan changes,
-- and whose manager is, or is to be, resolved, with the team that the plan puts them into and what came of it.
create table plan_names (
    tenant    text not null,
    run       text not null,
    key       text not null,
    person_id text not null,
    primary key (tenant, run, key, person_id)
);
create table plan_managers (
    tenant    text not null,
    run       text not null,
    person_id text not null,
    waits     boolean not null,
    team_id   text not null,
    settled   boolean not null,
    wanted    text not null,
    manager   text not null,
    source    text not null,
    problem   text not null,
    primary key (tenant, run, person_id)
);
create index plan_managers_wait on plan_managers (tenant, run, person_id) where waits;
create index plan_managers_team on plan_managers (tenant, run, team_id) where team_id <> '';

-- +goose Down
drop table plan_managers;
drop table plan_names;
