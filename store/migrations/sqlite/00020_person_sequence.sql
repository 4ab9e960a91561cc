-- +goose Up

-- Each change about a person has a number in that person's own history, without gaps, so that whoever
-- gets changes out of order can put them right.
alter table changes add column person_seq integer not null default 0;
update changes set person_seq = n.number
    from (select tenant, seq, row_number() over (partition by tenant, person_id order by seq) as number from changes where person_id <> '') n
    where changes.tenant = n.tenant and changes.seq = n.seq;

-- The last number of people of whose history the beginning, or all, is no longer kept.
create table purged_people (
    tenant    text not null,
    person_id text not null,
    last      integer not null,
    primary key (tenant, person_id)
) without rowid;

-- What a group was like at one of its changes is worked out from its later ones.
create index changes_group on changes (tenant, subject_id) where subject = 'group';

drop view directory_changes;
create view directory_changes as select tenant, seq, at, type, subject, subject_id, person_id, fields, cause, person_seq
    from changes;

-- +goose Down
drop view directory_changes;
create view directory_changes as select tenant, seq, at, type, subject, subject_id, person_id, fields, cause
    from changes;
drop index changes_group;
drop table purged_people;
alter table changes drop column person_seq;
