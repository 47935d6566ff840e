-- +goose Up
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
    drawer_id     uuid,                         -- of cash: where it was put
    detail        text not null default '',     -- a code: the language chosen, the purpose of a file
    at            timestamptz not null,
    done_at       timestamptz                   -- none: done when the decision of this id is in the case's timeline
);
create index counter_acts_person on counter_acts (person_id, id);
create index counter_acts_drawer on counter_acts (drawer_id, id) where drawer_id is not null;
create index counter_acts_verifications on counter_acts (person_id, staff_id, at) where kind = 'verification';

-- +goose Down
drop table counter_acts;
