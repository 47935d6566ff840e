-- +goose Up
-- What everything else stands on: universities with their campuses and kiosks, and what was done by whom.
-- Constraints carry names where the code switches on them.

create table universities (
    code    text primary key,
    name_zh text not null,
    name_en text not null,
    batches_looked_at timestamptz -- D3: when the schedule of its batches was last followed; none: never
);

create table campuses (
    university text not null references universities,
    code       text not null,
    name_zh    text not null,
    name_en    text not null,
    primary key (university, code)
);

create table kiosks (
    id         text primary key,
    university text not null,
    campus     text not null,
    name_zh    text not null,
    name_en    text not null,
    secret     bytea not null, -- sealed with the data key; signs the kiosk's requests
    retired_at timestamptz,
    foreign key (university, campus) references campuses (university, code)
);

-- Every version of the policy that has been loaded. A case keeps the one it began with.
create table policies (
    version   text primary key,
    files     jsonb not null,
    loaded_at timestamptz not null
);

-- Who did what, and who looked at whose data. Rows are only added.
create table audit (
    id         bigint generated always as identity primary key,
    at         timestamptz not null,
    actor      text not null,
    action     text not null,
    subject    text not null,
    university text not null default ''
);
create index audit_subject on audit (subject, id);

-- Call-backs taken, so that a repeated one changes nothing. Each sender numbers its own.
create table callbacks (
    sender      text not null, -- bureau, or hr/<university>
    id          text not null,
    body_hash   bytea not null,
    answer      jsonb,         -- the answer to the first; none: there is nothing to tell
    received_at timestamptz not null,
    constraint callbacks_of_sender primary key (sender, id)
);

-- Signed requests of machines, so that a captured one cannot be sent again.
create table nonces (
    machine text not null,
    nonce   text not null,
    at      timestamptz not null,
    primary key (machine, nonce)
);
create index nonces_at on nonces (at);

-- Nothing is ever kept here: a row is written and taken back to see whether Postgres takes writes. Its content is
-- neither compressed nor moved out, so that it fills a page.
create table write_probes (
    content bytea not null
);
alter table write_probes alter column content set storage plain;

-- +goose Down
drop table write_probes, nonces, callbacks, audit, policies, kiosks, campuses, universities;
