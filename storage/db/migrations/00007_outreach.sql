-- +goose Up
-- C5: people are asked to apply, in waves, and applications wait for their workflow to be started.

-- Who waits, and how fast they are let in. The case that stands in line belongs to a university already.
create table line (
    case_id    uuid primary key references cases,
    university text not null,
    place      timestamptz not null, -- when it was accepted, less a head start for whose deadline is near
    input      jsonb not null,
    trace      text not null default ''
);
create index line_place on line (university, place, case_id);

-- One row, which whoever lets people in holds meanwhile.
create table line_pace (
    one        boolean primary key default true check (one),
    next_at    timestamptz not null, -- not before this is the next one let in
    began_at   timestamptz not null, -- of the time that is being measured: the line has been busy since
    let_in     int not null,         -- since then
    per_second double precision      -- measured last, while the line was busy; none: it was not
);
insert into line_pace (next_at, began_at, let_in) values ('2000-01-01Z', '2000-01-01Z', 0);

-- A campaign is a case of a university, under the same id.
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

-- +goose Down
drop table invitations, invitation_waves, campaigns, line_pace, line;
