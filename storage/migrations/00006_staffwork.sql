-- +goose Up
-- Staff work: claims that end, proposals that wait for a second person, messages to staff, acts at the counter, and the
-- words of messages.

alter table staff
    add column email    text not null default '',
    add column language text not null default 'zh-CN';

alter table work_items
    add column claimed_until      timestamptz,              -- from then on the claim keeps nobody away
    add column proposed_action    text not null default '', -- K3: a skip or an abort that waits for a second person
    add column proposed_by        uuid references staff,
    add column proposed_at        timestamptz,
    add column proposal           uuid,                     -- the decision, whose note says why
    add column reminder_told_at   timestamptz,              -- when staff were sent a message about reminded_at
    add column escalation_told_at timestamptz;
update work_items set claimed_until = claimed_at + interval '8 hours' where claimed_by is not null;
update work_items set reminder_told_at = reminded_at, escalation_told_at = escalated_at;
update work_items w set proposed_action = e.data->>'action', proposed_by = substring(e.actor from 7)::uuid,
    proposed_at = e.at, proposal = e.decision_id
from (select distinct on (case_id, data->>'step') * from events where kind like 'step\_%'
      order by case_id, data->>'step', id desc) e
where w.closed_at is null and w.kind = 'incident' and e.case_id = w.case_id and e.data->>'step' = w.step
    and e.kind = 'step_proposed' and e.actor like 'staff/%';
create index work_items_due on work_items (university, coalesce(due, 'infinity'::timestamptz), id) where closed_at is null;
create index work_items_claimed on work_items (claimed_by) where closed_at is null;
create index work_items_untold on work_items (university) where closed_at is null
    and (reminded_at is not null and reminder_told_at is null or escalated_at is not null and escalation_told_at is null);

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

-- A message goes to a person or to a member of staff. It keeps the version of the words it was made with.
alter table notices
    alter column person_id drop not null,
    add column staff_id         uuid references staff,
    add column template_version int not null default 0, -- 0: the catalogue's
    add column read_at          timestamptz,
    add constraint notices_one_recipient check (num_nonnulls(person_id, staff_id) = 1);
create index notices_unread on notices (person_id) where read_at is null and expires_at is null;

-- L1: what is done at the counter; each has a receipt. The id is that of the decision or request it was.
create table counter_acts (
    id            uuid primary key,
    university    text not null references universities,
    campus        text not null,
    person_id     uuid not null references people,
    staff_id      uuid not null references staff,
    kind          text not null,
    case_id       uuid references cases,
    verified_by   uuid references counter_acts, -- the verification that allowed it; none for a verification or a check
    document_type text not null default '',     -- of a verification: what was seen
    verdict       text not null default '',     -- of a verification or a check
    reason        text not null default '',
    detail        text not null default '',     -- a code: the language chosen, the purpose of a file
    at            timestamptz not null,
    done_at       timestamptz                   -- none: done when the decision of this id is in the timeline of the case
);
create index counter_acts_person on counter_acts (person_id, id);
create index counter_acts_verifications on counter_acts (person_id, staff_id, at) where kind = 'verification';

alter table uploads add column staff_id uuid references staff; -- who handed it in for the person, at the counter

create index people_phone_tail on people (university, right(phone, 4));
create index people_document on people (university, document_hash);

-- +goose Down
drop index people_document, people_phone_tail;
alter table uploads drop column staff_id;
drop table counter_acts;
delete from notices where person_id is null;
drop index notices_unread;
alter table notices drop constraint notices_one_recipient, drop column read_at, drop column template_version,
    drop column staff_id, alter column person_id set not null;
drop table notice_templates, staff_digests;
drop index work_items_untold, work_items_claimed, work_items_due;
alter table work_items drop column escalation_told_at, drop column reminder_told_at, drop column proposal,
    drop column proposed_at, drop column proposed_by, drop column proposed_action, drop column claimed_until;
alter table staff drop column language, drop column email;
