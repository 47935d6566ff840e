-- +goose Up
-- C5: applications that wait for their workflow to be started, and how fast they are let in.

create table line (
    case_id    uuid primary key references cases,
    university text not null references universities,
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

create index cases_working on cases (kind) where closed_at is null and waits_for in ('engine', 'school') and stage <> 'queued';

-- +goose Down
drop index cases_working;
insert into outbox (kind, workflow, workflow_id, input, trace, created_at, next_try)
    select 'start', 'application', 'application/' || case_id, input, trace, now(), now() from line order by place;
drop table line_pace, line;
