-- +goose Up

-- Files nobody may read any more, from the transaction that says so until the object store has let them go (B4).
create table forgotten_files (
    object_key text primary key,
    at         timestamptz not null
);
create index forgotten_files_at on forgotten_files (at);

-- What was being deleted the old way is unused, and will be found as such.
update uploads set taken_by = null where taken_by = '00000000-0000-0000-0000-000000000000' and deleted_at is null;

comment on column uploads.deleted_at is 'from then on nobody reads it; the object goes by way of forgotten_files (B4)';

-- +goose Down

comment on column uploads.deleted_at is null;
drop table forgotten_files;
