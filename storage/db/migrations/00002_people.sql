-- +goose Up
-- Universities with their campuses and kiosks, who exists, and how they sign in.

create table universities (
    code    text primary key,
    name_zh text not null,
    name_en text not null
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

-- A1: the roster as Academic Affairs gives it. Sign-in and intake look here only, so they work in any outage.
create table people (
    id               uuid primary key,
    university       text not null references universities,
    number           text not null,   -- as the roster writes it
    number_key       text not null generated always as (upper(number collate "C")) stored, -- campus.FoldNumber
    name             text not null,   -- clean (campus.CleanName)
    name_delivered   text not null default '', -- as the roster spells it, if that is not as it is kept (A3)
    search_text      text not null default '',   -- what the name is found by: folded, in pinyin, by initials
    search_grams     text[] not null default '{}', -- the pairs of signs in it
    document_type    text not null,
    document         bytea not null, -- the number, sealed with the data key
    document_hash    bytea not null, -- keyed, of what names the holder in it: compared without opening it (A4)
    phone            text not null,
    phone_source     text not null default 'roster' -- who gave it; a later roster replaces only the roster's own (L6)
        constraint people_phone_source check (phone_source in ('roster', 'holder', 'counter')),
    phone_changed_at timestamptz,    -- by the holder, at the counter, or by a roster while an application is open
    email            text not null default '',
    language         text not null default 'zh-CN',
    category         text not null default 'mainland', -- A4: says which documents they have
    level            text not null,
    college          text not null,
    campus           text not null,
    dormitory        text not null default '',
    status           text not null,
    enrolled_on      date,
    graduates_on     date,           -- the roster's, or the registry's when that has another day
    roster_graduates_on date,        -- as the last roster had it: the same again says nothing new
    roster_at        timestamptz not null,
    password_hash    text,           -- none until the first sign-in is finished (A5)
    constraint people_number_taken unique (university, number_key),
    foreign key (university, campus) references campuses (university, code)
);
-- In the order of ids, in which a wave of invitations goes through its audience.
create index people_audience on people (university, status, id);
create index people_document on people (university, document_hash);
create index people_search on people using gin (search_grams);
create index people_phone_tail on people (university, right(phone, 4));

create table staff (
    id            uuid primary key,
    university    text not null references universities,
    username      text not null,
    name          text not null,
    email         text not null default '',
    language      text not null default 'zh-CN',
    password_hash text not null,
    grants        jsonb not null,
    retired_at    timestamptz,
    constraint staff_username_taken unique (university, username)
);

-- Opaque tokens, kept as hashes. "initial" may only finish the first sign-in.
create table sessions (
    id         uuid primary key,
    token_hash bytea not null constraint sessions_token unique,
    person_id  uuid references people,
    staff_id   uuid references staff,
    level      text not null check (level in ('initial', 'full')),
    device     text not null default '', -- what the app calls the device, as it was signed in
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    check (num_nonnulls(person_id, staff_id) = 1)
);
create index sessions_person on sessions (person_id);
create index sessions_expired on sessions (expires_at);

create table phone_codes (
    id         uuid primary key,
    session_id uuid not null references sessions on delete cascade,
    person_id  uuid not null references people,
    phone      bytea,          -- sealed: the new number that the code went to; none: the one on file
    code_hash  bytea not null,
    tries      int not null default 0,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index phone_codes_person on phone_codes (person_id, created_at);
create index phone_codes_session on phone_codes (session_id, created_at);

-- F5: entries at the sign-in of holders, by the number as it was typed (campus.FoldNumber). What nobody has is counted as what
-- somebody has, so that nobody can tell the two apart.
create table sign_in_entries (
    who        bytea primary key,          -- keyed hash of university and number
    person_id  uuid references people,     -- whose number it is; none: nobody's
    day        date not null,              -- in Shanghai; another day begins everything anew
    wrong      int not null,               -- in a row, counted before they are looked at
    wrong_at   timestamptz not null,       -- the last of them
    locked_at  timestamptz,
    codes      bytea[] not null default '{}', -- keyed hashes of those that get past the lock of this day
    code_tries int not null default 0      -- entries with a right code since the last one was sent
);
create index sign_in_entries_wrong on sign_in_entries (wrong_at);

-- Waits after wrong entries: of staff, and of who enters codes that get past a lock, or enrol a till. A row counts an account, an address, or
-- an account from an address.
create table entry_delays (
    key      bytea primary key,  -- keyed hash
    account  bytea,              -- of an account and of an account from an address: the account's key
    level    double precision not null, -- wrong entries, less those that time has taken
    at       timestamptz not null,      -- when the level was that
    until    timestamptz not null,      -- before this no entry is looked at
    right_at timestamptz         -- of an account from an address: the last right entry
);
create index entry_delays_account on entry_delays (account);
create index entry_delays_at on entry_delays (at);

-- L6: messages to a number that is not on file: the code to a new one, and to the old one that it was replaced.
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

-- Signed requests of machines, so that a captured one cannot be sent again.
create table nonces (
    machine text not null,
    nonce   text not null,
    at      timestamptz not null,
    primary key (machine, nonce)
);
create index nonces_at on nonces (at);

-- +goose Down
drop table nonces, phone_messages, entry_delays, sign_in_entries, phone_codes, sessions, staff, people,
    kiosks, campuses, universities;
