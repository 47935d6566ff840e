-- +goose Up
-- C5: a foreign key is a look at another row for each row that is written, and for a university a lock on one row that all
-- share. These say nothing that is not known where the row is made: intake reads person, kiosk, challenge and university, and
-- takes the uploads, in the transaction that writes them, and none of them is ever deleted.
alter table cases drop constraint cases_university_fkey;          -- that of its person; batches and campaigns have their own key
alter table applications drop constraint applications_person_id_fkey; -- that of its case
alter table applications drop constraint applications_kiosk_id_fkey;
alter table evidence drop constraint evidence_upload;
alter table liveness_tries drop constraint liveness_tries_challenge_id_fkey;

-- +goose Down
alter table liveness_tries add constraint liveness_tries_challenge_id_fkey foreign key (challenge_id) references challenges;
alter table evidence add constraint evidence_upload foreign key (upload_id) references uploads;
alter table applications add constraint applications_person_id_fkey foreign key (person_id) references people;
alter table applications add constraint applications_kiosk_id_fkey foreign key (kiosk_id) references kiosks;
alter table cases add constraint cases_university_fkey foreign key (university) references universities;
