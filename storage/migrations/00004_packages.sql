-- +goose Up
-- C2: value-added packages. What an applicant has chosen waits with the application until the card is active.
alter table applications add column packages jsonb not null default '[]'; -- codes, each with its system

-- One package of one card, from the request to its end.
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
create unique index packages_one_live on packages (card_id, code) where state in ('requested', 'granted', 'withdrawing');
create index packages_card on packages (card_id, code, requested_at);

-- Each change is a case of its own. The newest one is the last or under way.
create table package_changes (
    case_id    uuid primary key references cases,
    package_id uuid not null references packages,
    change     text not null check (change in ('grant', 'withdraw')),
    actor      text not null, -- who asked for it
    at         timestamptz not null
);
create index package_changes_package on package_changes (package_id, at);

-- +goose Down
drop table package_changes, packages;
alter table applications drop column packages;
