-- +goose Up

-- A tenant's history is a feed that products follow. Its id tells it from the feed of another
-- tenant, and from that of a tenant of the same name that was there before. Changes up
-- to changes_purged are no longer kept.
alter table tenants
    add column feed           text not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 12),
    add column changes_purged bigint not null default 0;

-- What products read (docs/feed.md). Columns are added at the end, and never renamed or
-- taken away. Whoever left has no row here.
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
drop view directory_people, directory_teams, directory_groups, directory_members, directory_changes;
alter table tenants drop column feed, drop column changes_purged;
