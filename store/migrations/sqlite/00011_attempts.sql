-- +goose Up

-- What decides about the next attempt at a run stands in its row. claims numbers the claims, so
-- that a task that was made before one knows that it is stale. attempts counts those that failed,
-- lost the owners in a row that fell silent without getting any further. The next attempt begins at
-- retry_at, or at once. refused says that Okta refused the credentials when the run failed.
alter table runs add column claims integer not null default 0;
alter table runs add column attempts integer not null default 0;
alter table runs add column lost integer not null default 0;
alter table runs add column retry_at integer;
alter table runs add column refused integer not null default false;

-- +goose Down
alter table runs drop column claims;
alter table runs drop column attempts;
alter table runs drop column lost;
alter table runs drop column retry_at;
alter table runs drop column refused;
