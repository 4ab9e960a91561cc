-- +goose Up

-- When somebody was first seen to have left. Whoever left before this was kept is taken to have left
-- when the row was last written.
alter table people add column left_at integer;
update people set left_at = updated_at where status = 'deactivated' or status = 'removed' and okta_status <> '';
create index people_left on people (tenant, left_at) where left_at is not null;
-- Who is erased takes along what the history and the plans say of them, and of a team that nobody else was in.
create index changes_team on changes (tenant, subject_id) where subject = 'team';

drop view directory_people;
create view directory_people as select tenant, id, status, okta_status, assignment, first_name, last_name, email, login, picture, title,
    language, location, department, employee_number, custom, team_id, manager_id, login_key, email_key, created_at, updated_at, left_at
    from people where status <> 'removed';

-- +goose Down
drop view directory_people;
create view directory_people as select tenant, id, status, okta_status, assignment, first_name, last_name, email, login, picture, title,
    language, location, department, employee_number, custom, team_id, manager_id, login_key, email_key, created_at, updated_at
    from people where status <> 'removed';
drop index changes_team;
drop index people_left;
alter table people drop column left_at;
