-- +goose Up
-- How a case moves: what is asked of it, what it decides, and what leaves in an outbox. And what was done by whom.

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

-- What people see of a process. version counts its moves.
create table cases (
    id             uuid primary key,
    kind           text not null,
    university     text not null,           -- that of its person; batches and campaigns have a key of their own for it
    campus         text not null,           -- empty: of none in particular
    person_id      uuid references people,  -- none: about nobody in particular, as a batch of cards
    stage          text not null,
    waits_for      text not null,
    since          timestamptz not null,
    due            timestamptz,
    parked         jsonb not null default '[]', -- names of steps
    cause          text not null default '',
    outcome        text not null default '',
    reason         text not null default '',
    version        bigint not null default 0,
    entered        bigint not null default 0, -- version at which the stage was entered
    entered_at     timestamptz not null default now(), -- and when; a step that parks does not change it
    policy_version text not null,
    opened_at      timestamptz not null,
    closed_at      timestamptz
);
create index cases_person on cases (person_id, id);
create index cases_listing on cases (university, id); -- lists page by id, which is in the order of time
create index cases_open on cases (university, kind, stage) where closed_at is null;
create index cases_parked on cases (university, id) where parked <> '[]';
-- Those that are compared with their workflows, in turns.
create index cases_standing on cases (id) where closed_at is null and stage <> 'queued';
-- Those whose start may have been lost.
create index cases_queued on cases (id) where closed_at is null and stage = 'queued';
create index cases_working on cases (kind)
    where closed_at is null and waits_for in ('engine', 'school') and stage <> 'queued';

-- What a case has decided, a row for each version. What makes a move the same is its name and its decision; rows are
-- only added.
create table moves (
    case_id   uuid not null constraint moves_case references cases,
    version   bigint not null,             -- of the case after this move
    name      text not null,               -- as the workflow calls it, e.g. expire:review
    decision  uuid constraint moves_decision unique, -- the request that it carries out; none: the process's own
    stage     text not null,               -- this and what follows: the case after this move
    waits_for text not null,
    due       timestamptz,
    parked    jsonb not null default '[]', -- names of steps
    cause     text not null default '',
    outcome   text not null default '',
    reason    text not null default '',
    state     jsonb not null default '{}', -- what the workflow remembers besides
    at        timestamptz not null,
    constraint moves_version primary key (case_id, version)
);

-- Events are read by their case only, so the primary key is the one index they need.
create table events (
    id          bigint generated always as identity,
    case_id     uuid not null references cases,
    at          timestamptz not null,
    kind        text not null,
    actor       text not null,
    data        jsonb not null default '{}',
    public      boolean not null,
    decision_id uuid,
    primary key (case_id, id)
);
create index events_decision on events (decision_id) where decision_id is not null;

-- One row for every POST that changes something. The key is unique for everybody: nobody may use another's.
create table requests (
    key         text primary key,
    id          uuid not null constraint requests_id unique, -- also the id of the update it sends
    actor       text not null,
    route       text not null,
    body_hash   bytea not null,
    created_at  timestamptz not null,
    workflow    text not null default '', -- id of the one that decides
    payload     jsonb,                    -- what a decision says; workflows carry its id only
    case_id     uuid,                     -- of the case that is decided about; none: this is no decision
    about       text not null default '', -- what is decided, within the case
    update_name text not null default '', -- of the update that takes the decision to the workflow
    argument    jsonb,                    -- what the update carries
    seen        bigint not null default 0, -- version of the case as it was decided about
    entered     bigint not null default 0, -- version at which that stage had been entered
    state       text not null default '' check (state in ('', 'open', 'done', 'refused')), -- of a decision
    resend_at   timestamptz,              -- sent again from then on; none: not any more
    status      int,
    response    jsonb
);
create index requests_created on requests (created_at);
-- While one decision is open, nobody else decides the same.
create unique index requests_one_open on requests (case_id, about) where state = 'open';
create index requests_resend on requests (resend_at) where resend_at is not null;

-- K3: every try of every step, opened before the call and closed after it.
create table attempts (
    id          uuid primary key,
    case_id     uuid not null references cases,
    step        text not null,
    attempt     int not null,
    key         int not null default 1,    -- part of the idempotency key that the other system was sent
    stay        bigint not null default 0, -- version of the case at which the stage was entered that it belongs to
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
    id                 uuid primary key,
    case_id            uuid not null references cases,
    university         text not null references universities,
    campus             text not null,
    kind               text not null,
    step               text not null default '',
    attempt            int not null default 0,
    cause              text not null default '',
    reason             text not null default '',
    opened_at          timestamptz not null,
    due                timestamptz,
    reminded_at        timestamptz,
    reminder_told_at   timestamptz,              -- when staff were sent a message about reminded_at
    escalated_at       timestamptz,
    escalation_told_at timestamptz,
    claimed_by         uuid references staff,
    claimed_at         timestamptz,
    claimed_until      timestamptz,              -- from then on the claim keeps nobody away
    proposed_action    text not null default '', -- K3: a skip or an abort that waits for a second person
    proposed_by        uuid references staff,
    proposed_at        timestamptz,
    proposal           uuid,                     -- the decision, whose note says why
    closed_at          timestamptz
);
create unique index work_items_one_open on work_items (case_id, kind, step) where closed_at is null;
-- In the order of the list, or Postgres reads all that ever were closed to find the first that are open.
create index work_items_queue on work_items (university, id) where closed_at is null;
create index work_items_due on work_items (university, coalesce(due, 'infinity'::timestamptz), id)
    where closed_at is null;
-- What became of an incident is asked when a retry of its step is refused.
create index work_items_incidents on work_items (case_id, step) where kind = 'incident';
create index work_items_claimed on work_items (claimed_by) where closed_at is null;
create index work_items_untold on work_items (university) where closed_at is null
    and (reminded_at is not null and reminder_told_at is null
        or escalated_at is not null and escalation_told_at is null);

-- When staff were last told of the late items of a kind on a campus, so that many deadlines are one mail.
create table staff_digests (
    university text not null references universities,
    campus     text not null,
    kind       text not null,
    level      text not null check (level in ('reminder', 'escalation')),
    told_at    timestamptz not null,
    primary key (university, campus, kind, level)
);

-- L10: the words a university has for a message. Versions are only added; the newest counts.
create table notice_templates (
    university text not null references universities,
    template   text not null,
    version    int not null,
    texts      jsonb,         -- none: the catalogue's again
    hash       text not null, -- of the words that count from here on
    staff_id   uuid not null references staff,
    created_at timestamptz not null,
    constraint notice_templates_version primary key (university, template, version)
);

-- Messages to a person or to a member of staff. params are sealed: they may hold a code.
create table notices (
    id               uuid primary key,
    person_id        uuid references people,
    staff_id         uuid references staff,
    case_id          uuid references cases,
    template         text not null,
    template_version int not null default 0, -- of the words it was made with; 0: the catalogue's
    params           bytea not null,
    created_at       timestamptz not null,
    expires_at       timestamptz,
    next_try         timestamptz not null,
    tries            int not null default 0,
    sms_at           timestamptz, -- when the carrier took it
    mail_at          timestamptz,
    done_at          timestamptz,
    read_at          timestamptz,
    failure          text not null default '',
    constraint notices_one_recipient check (num_nonnulls(person_id, staff_id) = 1)
);
create index notices_due on notices (next_try) where done_at is null;
create index notices_person on notices (person_id, id);
create index notices_unread on notices (person_id) where read_at is null and expires_at is null;

-- What a transaction asks Temporal to do: start a workflow, or tell one to look again. Rows go when they are done.
create table outbox (
    id          bigint generated always as identity primary key,
    kind        text not null check (kind in ('start', 'restart', 'signal')),
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

-- Parked steps that were retried together after an outage: one row for each time somebody asked for it (K3).
create table group_retries (
    id         uuid primary key,
    university text not null references universities,
    step       text not null,
    cause      text not null,
    asked_by   uuid not null references staff,
    asked_at   timestamptz not null
);

-- Each of its steps, with the decision that was made about it and what became of it.
create table group_retry_items (
    id         uuid primary key, -- of the decision too
    retry      uuid not null references group_retries,
    item       uuid not null references work_items,
    attempt    int not null, -- the one that was seen
    state      text not null default 'waiting',
    code       text not null default '',
    reason     text not null default '',
    tried_at   timestamptz,
    finished_at timestamptz,
    constraint group_retry_items_state
        check (state in ('waiting', 'running', 'ok', 'failed', 'not_parked', 'tried_elsewhere', 'refused'))
);
create unique index group_retry_items_one on group_retry_items (retry, item);
create index group_retry_items_open on group_retry_items (id) where state in ('waiting', 'running');
-- K3: a step that one retry is about to try is no other's as well.
create unique index group_retry_items_one_open on group_retry_items (item) where state in ('waiting', 'running');

-- +goose Down
drop table group_retry_items, group_retries, outbox, notices, notice_templates, staff_digests, work_items, attempts,
    requests, events, moves, cases, callbacks, audit, policies;
