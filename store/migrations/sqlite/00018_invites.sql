-- +goose Up

-- The invite of a person, once more is known of it than that it is held. The row holds ids alone and is
-- never deleted while the tenant is there: whoever is erased and returns gets no second invite.
create table invites (
    tenant       text not null,
    person_id    text not null,
    state        text not null,
    since        integer not null,
    release_at   integer,
    released_by  text not null default '',
    issue        text not null default '',
    attempt      text not null default '',
    attempted_at integer,
    lease_until  integer,
    retry_at     integer,
    tries        integer not null default 0,
    sent_at      integer,
    accepted_at  integer,
    problem      text not null default '',
    primary key (tenant, person_id)
) without rowid;
create index invites_open on invites (tenant, state, since, person_id) where state in ('held', 'due', 'sending');
create index invites_state on invites (tenant, state, person_id);
create index invites_attempted on invites (tenant, attempted_at) where attempted_at is not null;

-- +goose Down
drop table invites;
