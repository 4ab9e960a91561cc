-- +goose Up

-- The invite of a person, once more is known of it than that it is held. The row holds ids alone and is
-- never deleted while the tenant is there: whoever is erased and returns gets no second invite.
create table invites (
    tenant       text collate "C" not null,
    person_id    text collate "C" not null,
    state        text collate "C" not null,
    since        timestamptz not null,
    release_at   timestamptz,
    released_by  text not null default '',
    issue        text not null default '',
    attempt      text not null default '',
    attempted_at timestamptz,
    lease_until  timestamptz,
    retry_at     timestamptz,
    tries        integer not null default 0,
    sent_at      timestamptz,
    accepted_at  timestamptz,
    problem      text not null default '',
    primary key (tenant, person_id)
);
create index invites_open on invites (tenant, state, since, person_id) where state in ('held', 'due', 'sending');
create index invites_state on invites (tenant, state, person_id);
create index invites_attempted on invites (tenant, attempted_at) where attempted_at is not null;

-- +goose Down
drop table invites;
