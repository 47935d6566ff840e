-- +goose Up
-- The house of design: who exists, what they apply for, how a case moves, and what leaves in an outbox.
-- Constraints carry names, because the code switches on them.

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
    id             uuid primary key,
    university     text not null references universities,
    number         text not null,
    name           text not null,
    document_type  text not null,
    document       bytea not null, -- the number, sealed with the data key
    document_hash  bytea not null, -- keyed, so that a number can be compared without opening it
    phone          text not null,
    email          text not null default '',
    language       text not null default 'zh-CN',
    level          text not null,
    college        text not null,
    campus         text not null,
    dormitory      text not null default '',
    status         text not null,
    enrolled_on    date,
    graduates_on   date,
    roster_at      timestamptz not null,
    password_hash  text,           -- none until the first sign-in is finished (A5)
    wrong_entries  int not null default 0,
    wrong_on       date,
    constraint people_number_taken unique (university, number),
    foreign key (university, campus) references campuses (university, code)
);

create table staff (
    id            uuid primary key,
    university    text not null references universities,
    username      text not null,
    name          text not null,
    password_hash text not null,
    grants        jsonb not null,
    wrong_entries int not null default 0,
    wrong_on      date,
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
    code_hash  bytea not null,
    tries      int not null default 0,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index phone_codes_person on phone_codes (person_id, created_at);
create index phone_codes_session on phone_codes (session_id, created_at);

-- One row for every POST that changes something. The key is unique for everybody: nobody may use another's.
create table requests (
    key        text primary key,
    id         uuid not null constraint requests_id unique, -- also the id of the update it sends
    actor      text not null,
    route      text not null,
    body_hash  bytea not null,
    created_at timestamptz not null,
    workflow   text not null default '', -- id of the one that decides
    payload    jsonb,                    -- what a decision says; workflows carry its id only
    status     int,
    response   jsonb
);
create index requests_created on requests (created_at);

create table uploads (
    id           uuid primary key,
    person_id    uuid not null references people,
    purpose      text not null,
    object_key   text not null,
    content_type text not null,
    bytes        bigint not null,
    width        int not null,
    height       int not null,
    sha256       bytea not null, -- of the file as it was sent
    created_at   timestamptz not null,
    taken_by     uuid,           -- the application that uses it
    deleted_at   timestamptz     -- the object is gone (B4)
);
create index uploads_person on uploads (person_id, created_at);
create index uploads_taken on uploads (taken_by) where deleted_at is null;
-- The zero id takes what is about to be deleted.
create index uploads_unused on uploads (created_at)
    where deleted_at is null and (taken_by is null or taken_by = '00000000-0000-0000-0000-000000000000');

create table challenges (
    id         uuid primary key,
    person_id  uuid not null references people,
    gesture    text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);

-- What people see of a process. version counts its moves.
create table cases (
    id             uuid primary key,
    kind           text not null,
    university     text not null references universities,
    campus         text not null,
    person_id      uuid not null references people,
    stage          text not null,
    waits_for      text not null,
    since          timestamptz not null,
    due            timestamptz,
    parked         jsonb not null default '[]', -- names of steps
    cause          text not null default '',
    outcome        text not null default '',
    reason         text not null default '',
    version        bigint not null default 0,
    policy_version text not null,
    opened_at      timestamptz not null,
    closed_at      timestamptz
);
create index cases_person on cases (person_id, id);
create index cases_listing on cases (university, id); -- lists page by id, which is in the order of time
create index cases_open on cases (university, kind, stage) where closed_at is null;
create index cases_parked on cases (university, id) where parked <> '[]';

create table events (
    id          bigint generated always as identity primary key,
    case_id     uuid not null references cases,
    at          timestamptz not null,
    kind        text not null,
    actor       text not null,
    data        jsonb not null default '{}',
    public      boolean not null,
    decision_id uuid
);
create index events_case on events (case_id, id);
create index events_decision on events (decision_id) where decision_id is not null;

-- K3: every try of every step, opened before the call and closed after it.
create table attempts (
    id          uuid primary key,
    case_id     uuid not null references cases,
    step        text not null,
    attempt     int not null,
    try         int not null,
    actor       text not null,
    started_at  timestamptz not null,
    finished_at timestamptz,
    outcome     text not null default 'open',
    code        text not null default '',
    message     text not null default ''
);
create index attempts_case on attempts (case_id, started_at);
create index attempts_open on attempts (case_id, step) where outcome = 'open';

create table work_items (
    id           uuid primary key,
    case_id      uuid not null references cases,
    university   text not null references universities,
    campus       text not null,
    kind         text not null,
    step         text not null default '',
    attempt      int not null default 0,
    cause        text not null default '',
    reason       text not null default '',
    opened_at    timestamptz not null,
    due          timestamptz,
    reminded_at  timestamptz,
    escalated_at timestamptz,
    claimed_by   uuid references staff,
    claimed_at   timestamptz,
    closed_at    timestamptz
);
create unique index work_items_one_open on work_items (case_id, kind, step) where closed_at is null;
-- In the order of the list, or Postgres reads all that ever were closed to find the first that are open.
create index work_items_queue on work_items (university, id) where closed_at is null;

-- Messages to people. params are sealed: they may hold a code.
create table notices (
    id         uuid primary key,
    person_id  uuid not null references people,
    case_id    uuid references cases,
    template   text not null,
    params     bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    next_try   timestamptz not null,
    tries      int not null default 0,
    sms_at     timestamptz, -- when the carrier took it
    mail_at    timestamptz,
    done_at    timestamptz,
    failure    text not null default ''
);
create index notices_due on notices (next_try) where done_at is null;
create index notices_person on notices (person_id, id);

-- What a transaction asks Temporal to do: start a workflow, or tell one to look again. Rows go when they are done.
create table outbox (
    id          bigint generated always as identity primary key,
    kind        text not null check (kind in ('start', 'signal')),
    workflow    text not null,  -- registered name of a workflow, or the name of a signal
    workflow_id text not null,
    input       jsonb not null default '{}',
    trace       text not null default '',
    created_at  timestamptz not null,
    next_try    timestamptz not null,
    tries       int not null default 0,
    failure     text not null default ''
);
create index outbox_due on outbox (next_try, id);

create table applications (
    id                   uuid primary key references cases,
    person_id            uuid not null references people,
    university           text not null,
    kiosk_id             text not null references kiosks,
    document_expires_on  date,            -- none: 长期, never
    document_upload      uuid not null references uploads,
    certificate_upload   uuid not null references uploads,
    certificate_code     text not null,
    consent_version      text not null,   -- B4: the text agreed to, before any biometric call
    consent_at           timestamptz not null,
    flagged              text not null default '',
    review_note          text not null default '', -- what the reviewer told the student
    created_at           timestamptz not null,
    closed_at            timestamptz
);
create unique index applications_one_open on applications (person_id) where closed_at is null;

-- B1: one answer to a challenge.
create table liveness_tries (
    id             uuid primary key,
    application_id uuid not null references applications,
    seq            int not null,
    challenge_id   uuid not null constraint liveness_challenge_used unique references challenges,
    gesture        text not null,
    frames         jsonb not null,
    created_at     timestamptz not null,
    verdict        text not null default '',
    reason         text not null default '',
    score          double precision not null default 0,
    constraint liveness_tries_seq unique (application_id, seq)
);

-- A3: the verdict on each item.
create table findings (
    application_id uuid not null references applications,
    item           text not null,
    verdict        text not null,
    reason         text not null default '',
    score          double precision not null default 0,
    hash           text not null default '',
    checked_at     timestamptz not null,
    primary key (application_id, item)
);

create sequence card_serial;

create table cards (
    id             uuid primary key,
    person_id      uuid not null references people,
    university     text not null references universities,
    application_id uuid not null constraint cards_one_per_application unique references applications,
    number         text not null constraint cards_number unique,
    state          text not null,
    created_at     timestamptz not null,
    activated_at   timestamptz,
    valid_until    date
);
-- D4: exactly one active card per person at any instant.
create unique index cards_one_active on cards (person_id) where state = 'active';
create index cards_person on cards (person_id, created_at);

create table card_changes (
    id         bigint generated always as identity primary key,
    card_id    uuid not null references cards,
    from_state text not null,
    to_state   text not null,
    actor      text not null,
    channel    text not null,
    reason     text not null,
    text       text not null default '',
    at         timestamptz not null
);
create index card_changes_card on card_changes (card_id, id);

-- C1: what a card was given in the systems that own it.
create table provisions (
    card_id    uuid not null references cards,
    service    text not null,
    reference  text not null,
    granted_at timestamptz not null,
    revoked_at timestamptz,
    primary key (card_id, service)
);

create table plastics (
    id               uuid primary key,
    case_id          uuid not null references cases,
    card_id          uuid not null references cards,
    person_id        uuid not null references people,
    university       text not null,
    kiosk_id         text not null references kiosks,
    seq              int not null,           -- 1 for the first, more when one was spoilt
    state            text not null,
    promised_at      timestamptz not null,   -- D2: the end of the promised day
    order_key        text not null default '', -- under which the order was last sent
    order_id         text not null default '',
    bureau_seq       int not null default 0, -- of the last report we took
    compartment      text not null default '',
    pickup_code      bytea,                  -- sealed, to be shown to its owner
    pickup_code_hash bytea,                  -- keyed
    pickup_tries     int not null default 0,
    created_at       timestamptz not null,
    ready_at         timestamptz,
    picked_up_at     timestamptz,
    constraint plastics_seq unique (case_id, seq)
);
create unique index plastics_one_alive on plastics (card_id) where state not in ('spoilt', 'returned', 'cancelled');
create unique index plastics_pickup_code on plastics (kiosk_id, pickup_code_hash) where state = 'ready';
create index plastics_person on plastics (person_id);

create table plastic_changes (
    id         bigint generated always as identity primary key,
    plastic_id uuid not null references plastics,
    from_state text not null,
    to_state   text not null,
    actor      text not null,
    channel    text not null,
    reason     text not null,
    text       text not null default '',
    at         timestamptz not null
);
create index plastic_changes_plastic on plastic_changes (plastic_id, id);

-- Call-backs taken, so that a repeated one changes nothing.
create table callbacks (
    id          text primary key,
    system      text not null,
    body_hash   bytea not null,
    received_at timestamptz not null
);

-- Signed requests of machines, so that a captured one cannot be sent again.
create table nonces (
    machine text not null,
    nonce   text not null,
    at      timestamptz not null,
    primary key (machine, nonce)
);
create index nonces_at on nonces (at);

-- Who did what, and who looked at whose data.
create table audit (
    id         bigint generated always as identity primary key,
    at         timestamptz not null,
    actor      text not null,
    action     text not null,
    subject    text not null,
    university text not null default ''
);
create index audit_subject on audit (subject, id);

create table policies (
    version   text primary key,
    files     jsonb not null,
    loaded_at timestamptz not null
);

-- +goose Down
drop table policies, audit, nonces, callbacks, plastic_changes, plastics, provisions, card_changes, cards, findings,
    liveness_tries, applications, outbox, notices, work_items, attempts, events, cases, challenges, uploads, requests,
    phone_codes, sessions, staff, people, kiosks, campuses, universities;
drop sequence card_serial;
