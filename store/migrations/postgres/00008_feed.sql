-- +goose Up

-- A tenant's history is a feed that products follow. Its id tells it from the feed of another
-- tenant, and from that of a tenant of the same name that was there before. Changes up
-- to changes_purged are no longer kept.
alter table tenants
    add column feed           text not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 12),
    add column changes_purged bigint not null default 0;

-- +goose Down
alter table tenants drop column feed, drop column changes_purged;
