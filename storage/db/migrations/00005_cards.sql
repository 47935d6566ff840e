-- +goose Up
-- What people apply for, what they hand in, and the cards that come of it.
--
-- C5: many apply at once. A foreign key is a look at another row for each row that is written, and for a university a
-- lock on one row that all share. Where one is missing here, it would say nothing that is not known where the row is
-- made: intake reads person, kiosk and challenge, and takes the uploads, in the transaction that writes them, and none
-- of them is ever deleted. For the same reason rows of uploads and challenges are changed in place: taken_by and used_at
-- stand in no index, and pages have room for the next version of a row (heap-only tuples).

create table uploads (
    id           uuid primary key,
    person_id    uuid not null references people,
    staff_id     uuid references staff, -- who handed it in for the person, at the counter
    purpose      text not null,
    object_key   text not null,
    content_type text not null,
    bytes        bigint not null,
    width        int not null,
    height       int not null,
    sha256       bytea not null, -- of the file as it was sent
    created_at   timestamptz not null,
    taken_by     uuid,           -- the application that uses it
    deleted_at   timestamptz     -- from then on nobody reads it; the object goes by way of file_deletions (B4)
) with (fillfactor = 50);
create index uploads_person on uploads (person_id, created_at);
create index uploads_live on uploads (created_at) where deleted_at is null;

create table challenges (
    id         uuid primary key,
    person_id  uuid not null references people,
    gesture    text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
) with (fillfactor = 50);

-- An application is a case, under the same id.
create table applications (
    id              uuid primary key references cases,
    person_id       uuid not null, -- that of its case
    university      text not null,
    kiosk_id        text not null,
    route           text not null default 'student',
    counter         boolean not null default false, -- B3: the route without a face was chosen
    consent_version text,          -- B4: the text agreed to; none until something biometric is handed in
    consent_at      timestamptz,
    packages        jsonb not null default '[]', -- C2: codes, each with its system; they wait until the card is active
    flagged         text not null default '',
    review_note     text not null default '', -- what the reviewer told the student
    created_at      timestamptz not null,
    closed_at       timestamptz
);
create unique index applications_one_open on applications (person_id) where closed_at is null;

-- A2, A6: what was brought for each item that is asked for.
create table evidence (
    application_id uuid not null references applications,
    item           text not null,
    upload_id      uuid, -- none: a code is all there is
    code           text not null default '',
    valid_from     date,
    expires_on     date, -- none: 长期, never
    brought_at     timestamptz not null,
    primary key (application_id, item)
);

-- B1: one answer to a challenge.
create table liveness_tries (
    id             uuid primary key,
    application_id uuid not null references applications,
    seq            int not null,
    challenge_id   uuid not null constraint liveness_challenge_used unique,
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

-- D5: the photo that the register has of a holder, sealed in the bucket while the card lives.
create table portraits (
    card_id  uuid primary key references cards,
    state    text not null default 'wanted',
    next_try timestamptz,          -- when the register is asked next; none: it is kept, or the card has ended
    tries    int not null default 0,
    constraint portraits_state_known check (state in ('wanted', 'kept', 'gone')),
    constraint portraits_asked check ((state = 'wanted') = (next_try is not null))
);
create index portraits_due on portraits (next_try) where next_try is not null;

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

-- C2: one value-added package of one card, from the request to its end.
create table packages (
    id           uuid primary key,
    card_id      uuid not null references cards,
    code         text not null,            -- of the policy
    system       text not null,            -- that has the card, whatever the policy says by now
    state        text not null,
    reference    text not null default '', -- the system's own
    refusal      text not null default '', -- why not: the system's own word
    requested_at timestamptz not null,
    granted_at   timestamptz,
    ended_at     timestamptz
);
create unique index packages_one_live on packages (card_id, code)
    where state in ('requested', 'granted', 'withdrawing');
create index packages_card on packages (card_id, code, requested_at);

-- Each change of a package is a case of its own. The newest one is the last or under way.
create table package_changes (
    case_id    uuid primary key references cases,
    package_id uuid not null references packages,
    change     text not null check (change in ('grant', 'withdraw')),
    actor      text not null, -- who asked for it
    at         timestamptz not null
);
create index package_changes_package on package_changes (package_id, at);

-- +goose Down
drop table package_changes, packages, provisions, portraits, card_changes, cards, findings, liveness_tries, evidence, applications,
    challenges, uploads;
drop sequence card_serial;
