-- +goose Up
-- A2, A4, A6: applicants of every category and route, and evidence as a list instead of two columns.

alter table people add column category text not null default 'mainland';

create table evidence (
    application_id uuid not null references applications,
    item           text not null,
    upload_id      uuid constraint evidence_upload references uploads, -- none: a code is all there is
    code           text not null default '',
    valid_from     date,
    expires_on     date, -- none: 长期, never
    brought_at     timestamptz not null,
    primary key (application_id, item)
);

insert into evidence (application_id, item, upload_id, expires_on, brought_at)
    select id, 'identity_document', document_upload, document_expires_on, created_at from applications;
insert into evidence (application_id, item, upload_id, code, brought_at)
    select id, 'certificate', certificate_upload, certificate_code, created_at from applications;

alter table applications
    drop column document_expires_on,
    drop column document_upload,
    drop column certificate_upload,
    drop column certificate_code,
    alter column consent_version drop not null, -- B4: none until something biometric is handed in
    alter column consent_at drop not null,
    add column route text not null default 'student',
    add column counter boolean not null default false; -- B3: the route without a face was chosen

-- +goose Down
alter table applications
    drop column route,
    drop column counter,
    add column document_expires_on date,
    add column document_upload uuid references uploads,
    add column certificate_upload uuid references uploads,
    add column certificate_code text not null default '';
update applications a set document_upload = e.upload_id, document_expires_on = e.expires_on
    from evidence e where e.application_id = a.id and e.item = 'identity_document';
update applications a set certificate_upload = e.upload_id, certificate_code = e.code
    from evidence e where e.application_id = a.id and e.item = 'certificate';
update applications set consent_version = '', consent_at = created_at where consent_version is null;
alter table applications alter column consent_version set not null, alter column consent_at set not null;
drop table evidence;
alter table people drop column category;
