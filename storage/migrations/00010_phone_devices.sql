-- +goose Up
-- L6: a changed number, and devices.

-- Who gave the number on file. One that is not the roster's is not put back by a later roster.
alter table people
    add column phone_source     text not null default 'roster'
        constraint people_phone_source check (phone_source in ('roster', 'holder', 'counter')),
    add column phone_changed_at timestamptz; -- by the holder, at the counter, or by a roster while an application is open

alter table sessions add column device text not null default ''; -- what the app calls the device, as it was signed in

alter table phone_codes add column phone bytea; -- sealed: the new number that the code went to; none: the one on file

-- Messages to a number that is not on file: the code to a new one, and the word to the old one that it is no more.
create table phone_messages (
    id               uuid primary key,
    person_id        uuid not null references people,
    phone            bytea not null, -- sealed
    template         text not null,
    template_version int not null,
    params           bytea not null, -- sealed
    created_at       timestamptz not null,
    expires_at       timestamptz,    -- of no use afterwards
    tries            int not null default 0,
    next_try         timestamptz not null,
    done_at          timestamptz,
    failure          text not null default ''
);
create index phone_messages_due on phone_messages (next_try) where done_at is null;
create index phone_messages_done on phone_messages (created_at);

-- +goose Down
drop table phone_messages;
alter table phone_codes drop column phone;
alter table sessions drop column device;
alter table people drop column phone_changed_at, drop column phone_source;
