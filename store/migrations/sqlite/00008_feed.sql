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

-- +goose Down
drop trigger tenants_feed;
alter table tenants drop column feed;
alter table tenants drop column changes_purged;
