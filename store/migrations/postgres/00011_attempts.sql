-- +goose Up

-- What decides about the next attempt at a run stands in its row. claims numbers the claims, so
-- that a task that was made before one knows that it is stale. attempts counts those that failed,
-- lost the owners in a row that fell silent without getting any further. The next attempt begins at
-- retry_at, or at once. refused says that Okta refused the credentials when the run failed.
alter table runs
    add column claims   bigint not null default 0,
    add column attempts integer not null default 0,
    add column lost     integer not null default 0,
    add column retry_at timestamptz,
    add column refused  boolean not null default false;

-- +goose Down
alter table runs drop column claims, drop column attempts, drop column lost, drop column retry_at, drop column refused;
