-- +goose Up
-- C5: many apply at once. What an application changes in rows that are there already, it changes in place: taken_by and
-- used_at stand in no index, and the pages have room for the next version of a row (heap-only tuples).
drop index uploads_taken, uploads_unused;
create index uploads_live on uploads (created_at) where deleted_at is null;
alter table uploads set (fillfactor = 50);
alter table challenges set (fillfactor = 50);
-- The case that stands in line belongs to a university already.
alter table line drop constraint line_university_fkey;

-- +goose Down
alter table line add constraint line_university_fkey foreign key (university) references universities;
alter table challenges reset (fillfactor);
alter table uploads reset (fillfactor);
drop index uploads_live;
create index uploads_taken on uploads (taken_by) where deleted_at is null;
create index uploads_unused on uploads (created_at)
    where deleted_at is null and (taken_by is null or taken_by = '00000000-0000-0000-0000-000000000000');
