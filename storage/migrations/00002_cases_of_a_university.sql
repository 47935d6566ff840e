-- +goose Up
-- Some cases are about nobody in particular: a batch of cards, a wave of invitations. They belong to a university, and
-- to none of its campuses when campus is empty.
alter table cases alter column person_id drop not null;

-- +goose Down
alter table cases alter column person_id set not null;
