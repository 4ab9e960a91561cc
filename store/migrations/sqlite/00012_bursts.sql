-- +goose Up

-- The full run that read Okta after this event was known, and that settles it if Okta's list
-- shows the person. Empty: none so far.
alter table inbox_scopes add column read_by text not null default '';
-- When the page was asked for that showed a person.
alter table staged add column at integer;

-- +goose Down
alter table staged drop column at;
alter table inbox_scopes drop column read_by;
