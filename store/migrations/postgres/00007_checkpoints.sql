-- +goose Up

-- How far the reading of a run has come, written with every page that it takes in:
-- what the reader has to remember, the last position of the plan that belongs to a
-- page, and when that was. read_notes is empty while there is nothing to go on from.
alter table runs
    add column read_notes text not null default '',
    add column read_plan  bigint not null default 0,
    add column read_at    timestamptz;

-- Where each list that a run reads goes on; next is empty once a list was read to the
-- end. Unlogged like everything that a run has seen: both are lost together, or neither.
create unlogged table staged_lists (
    tenant text collate "C" not null,
    run    text collate "C" not null,
    list   text collate "C" not null,
    next   text not null,
    primary key (tenant, run, list)
);

-- +goose Down
drop table staged_lists;
alter table runs drop column read_notes, drop column read_plan, drop column read_at;
