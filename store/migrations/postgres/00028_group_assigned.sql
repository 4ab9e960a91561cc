-- +goose Up

-- Whether the group is assigned to the app; false as well where no rule asks for it.
alter table groups add column assigned boolean not null default false;

-- +goose Down
alter table groups drop column assigned;
