-- +goose Up

-- The same as on Postgres. SQLite adds no column whose default is not the same for
-- all rows, so a trigger makes the ids.
alter table tenants add column feed text not null default '';
alter table tenants add column changes_purged integer not null default 0;
update tenants set feed = lower(hex(randomblob(6)));
-- +goose StatementBegin
create trigger tenants_feed after insert on tenants when new.feed = ''
begin
    update tenants set feed = lower(hex(randomblob(6))) where slug = new.slug;
end;
-- +goose StatementEnd

-- The views that products read, as on Postgres.
create view directory_people as select tenant, id, status, okta_status, assignment, first_name, last_name, email, login, picture, title,
    language, location, department, employee_number, custom, team_id, manager_id, login_key, email_key, created_at, updated_at
    from people where status <> 'removed';
create view directory_teams as select tenant, id, name, source, created_at
    from teams;
create view directory_groups as select tenant, id, name, description, type, created_at, updated_at
    from groups where not removed;
create view directory_members as select tenant, group_id, person_id
    from memberships where present;
create view directory_changes as select tenant, seq, at, type, subject, subject_id, person_id, fields, cause
    from changes;

-- +goose Down
drop view directory_people;
drop view directory_teams;
drop view directory_groups;
drop view directory_members;
drop view directory_changes;
drop trigger tenants_feed;
alter table tenants drop column feed;
alter table tenants drop column changes_purged;
