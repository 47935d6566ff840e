-- +goose Up
-- C5: people are asked to apply, in waves. A campaign is a case of a university, under the same id.
create table campaigns (
    id         uuid primary key constraint campaigns_case references cases,
    university text not null constraint campaigns_university references universities,
    audience   text not null,
    level      text not null default '', -- words of the roster; empty: whatever it is
    college    text not null default '',
    first_day  date not null,
    last_day   date not null,
    people     int not null,             -- who could be invited when it was opened
    opened_by  uuid not null constraint campaigns_opened_by references staff,
    opened_at  timestamptz not null,
    closed_at  timestamptz,
    constraint campaigns_period check (last_day >= first_day)
);
create unique index campaigns_one_open on campaigns (university, audience, level, college) where closed_at is null;
create index campaigns_listing on campaigns (university, id);

create table invitation_waves (
    campaign_id uuid not null constraint invitation_waves_campaign references campaigns,
    seq         int not null,
    kind        text not null constraint invitation_waves_kind check (kind in ('invitation', 'reminder')),
    at          timestamptz not null,
    size        int not null,
    constraint invitation_waves_seq primary key (campaign_id, seq)
);

-- Nobody is invited twice by a campaign, whatever runs twice.
create table invitations (
    campaign_id uuid not null,
    person_id   uuid not null constraint invitations_person references people,
    wave        int not null,
    invited_at  timestamptz not null,
    reminder    int,                     -- the wave that reminded them
    reminded_at timestamptz,
    constraint invitations_once primary key (campaign_id, person_id),
    constraint invitations_wave foreign key (campaign_id, wave) references invitation_waves (campaign_id, seq)
);
create index invitations_of_person on invitations (person_id, invited_at);
create index invitations_unreminded on invitations (campaign_id, invited_at, person_id) where reminded_at is null;

-- In the order of ids, in which a wave goes through its audience.
create index people_audience on people (university, status, id);

-- +goose Down
drop index people_audience;
drop table invitations, invitation_waves, campaigns;
