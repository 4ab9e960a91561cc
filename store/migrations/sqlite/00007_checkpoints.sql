-- +goose Up

-- How far the reading of a run has come, written with every page that it takes in:
-- what the reader has to remember, the last position of the plan that belongs to a
-- page, and when that was. read_notes is empty while there is nothing to go on from.
alter table runs add column read_notes text not null default '';
alter table runs add column read_plan integer not null default 0;
alter table runs add column read_at integer;

-- Where each list that a run reads goes on; next is empty once a list was read to the
-- end.
create table staged_lists (
    tenant text not null,
    run    text not null,
    list   text not null,
    next   text not null,
    primary key (tenant, run, list)
) without rowid;

-- +goose Down
drop table staged_lists;
alter table runs drop column read_notes;
alter table runs drop column read_plan;
alter table runs drop column read_at;
