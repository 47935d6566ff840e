package storage

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/minio/minio-go/v7"
	"github.com/pressly/goose/v3"

	"campuscard/campus"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// What `campuscard doctor` looks at. Nothing here changes a fact.

// ServerFacts are what a Postgres server says about itself.
type ServerFacts struct {
	Version           string
	Number            int       // 150004 is 15.4
	Now               time.Time // its clock
	OldestTransaction time.Duration
}

// Server asks Postgres about itself.
func (s *Store) Server(ctx context.Context) (ServerFacts, error) {
	var f ServerFacts
	err := s.Reports.Pool.QueryRow(ctx,
		`select current_setting('server_version'), current_setting('server_version_num')::int, clock_timestamp(),
		(select coalesce(max(clock_timestamp() - xact_start), '0') from pg_stat_activity
			where datname = current_database() and pid <> pg_backend_pid())`).
		Scan(&f.Version, &f.Number, &f.Now, &f.OldestTransaction)
	return f, db.Wrap("ask Postgres about itself", err)
}

// SchemaVersions returns the newest migration the database has had, 0 for none, and the newest this program knows.
func (s *Store) SchemaVersions(ctx context.Context) (applied, known int64, err error) {
	names, err := fs.Glob(db.Migrations, "migrations/*.sql")
	if err != nil {
		return 0, 0, fmt.Errorf("find the migrations: %w", err)
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, 0, fmt.Errorf("read the migrations: %w", err)
		}
		known = max(known, version)
	}
	err = s.Reports.Pool.QueryRow(ctx,
		`select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&applied)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "42P01" { // no such table: never migrated
		return 0, known, nil
	}
	return applied, known, db.Wrap("look for the migrations", err)
}

// RoleFacts are the rights of our role in Postgres that it does not need.
type RoleFacts struct {
	Name   string
	Alters bool // it may alter the schema, and give itself every right: a superuser, an owner, or who may become one
}

// Role reads the rights of the role that we have signed in as.
func (s *Store) Role(ctx context.Context) (RoleFacts, error) {
	var f RoleFacts
	err := s.Reports.Pool.QueryRow(ctx, `select current_user, has_schema_privilege('public', 'create')
		or exists (select 1 from pg_database where datname = current_database() and pg_has_role(datdba, 'member'))
		or exists (select 1 from pg_class
			where relnamespace = 'public'::regnamespace and pg_has_role(relowner, 'member'))`).
		Scan(&f.Name, &f.Alters)
	return f, db.Wrap("look at our role", err)
}

// KeyFacts tell whether the data was made with our keys.
type KeyFacts struct {
	Tried        bool // there was something to try them on
	Data, Pepper bool // they fit
}

// KeysFit tries the keys on a person's sealed document number and its keyed hash.
func (s *Store) KeysFit(ctx context.Context) (KeyFacts, error) {
	var university, number string
	var kind campus.DocumentType
	var sealed, hash []byte
	err := s.Reports.Pool.QueryRow(ctx,
		`select university, number, document_type, document, document_hash from people limit 1`).
		Scan(&university, &number, &kind, &sealed, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return KeyFacts{}, nil
	}
	if err != nil {
		return KeyFacts{}, db.Wrap("look for a sealed value", err)
	}
	document, err := s.Keys.Open(people.DocumentContext(university, number), sealed)
	if err != nil { // without the number its hash cannot be tried
		return KeyFacts{Tried: true}, nil //nolint:nilerr // that it does not open is the answer
	}
	return KeyFacts{Tried: true, Data: true, Pepper: hmac.Equal(hash, s.Keys.Document(kind, string(document)))}, nil
}

// SeedFigure counts who and what a university has.
type SeedFigure struct {
	University string
	Kiosks     int // at work
	People     int
	Staff      int // not retired
	Settlers   int // of them who may settle a parked step somewhere
}

// Seeds count what every university was given, by code.
func (s *Store) Seeds(ctx context.Context) ([]SeedFigure, error) {
	var seeds []SeedFigure
	var staff []struct {
		University string
		Grants     []campus.Grant
	}
	batch := &pgx.Batch{}
	list(batch, &seeds, `select code, (select count(*) from kiosks where university = code and retired_at is null),
		(select count(*) from people where university = code), 0, 0 from universities order by code`)
	list(batch, &staff, `select university, grants from staff where retired_at is null`)
	if err := s.Reports.Pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, db.Wrap("count the seeds", err)
	}
	for i := range seeds {
		for _, member := range staff {
			if member.University != seeds[i].University {
				continue
			}
			seeds[i].Staff++
			if (campus.StaffMember{Grants: member.Grants}).May(campus.SettleSteps, "") {
				seeds[i].Settlers++
			}
		}
	}
	return seeds, nil
}

// NotOpen returns the cases that are not open here: unknown, or closed before a moment.
func (s *Store) NotOpen(ctx context.Context, refs []campus.CaseRef, before time.Time) ([]campus.CaseRef, error) {
	ids := make([]uuid.UUID, len(refs))
	for i, ref := range refs {
		ids[i] = ref.ID
	}
	rows, err := s.Reports.Pool.Query(ctx,
		`select id from cases where id = any($1) and (closed_at is null or closed_at >= $2)`,
		ids, before)
	if err != nil {
		return nil, db.Wrap("look for open cases", err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, db.Wrap("look for open cases", err)
	}
	known := map[uuid.UUID]bool{}
	for _, id := range open {
		known[id] = true
	}
	var others []campus.CaseRef
	for _, ref := range refs {
		if !known[ref.ID] {
			others = append(others, ref)
		}
	}
	return others, nil
}

// ProbeObjects writes, reads and deletes a file of its own.
func (s *Store) ProbeObjects(ctx context.Context) error {
	key, content := "probe/"+uuid.NewString(), "probe"
	if err := s.Objects.Put(ctx, key, []byte(content)); err != nil {
		return err
	}
	read, err := s.Objects.Get(ctx, key)
	if err == nil && string(read) != content {
		err = errors.New("what was read is not what was written")
	}
	_, deleting := s.Objects.Delete(context.WithoutCancel(ctx), key)
	return errors.Join(err, deleting)
}

// ObjectsVersioned tells whether the bucket keeps what is deleted. A store that knows no versions keeps none.
func (s *Store) ObjectsVersioned(ctx context.Context) (bool, error) {
	found, err := s.Objects.Client.GetBucketVersioning(ctx, s.Objects.Bucket)
	if answer := minio.ToErrorResponse(err); err != nil &&
		(answer.StatusCode == http.StatusNotImplemented || answer.Code == "NotImplemented" ||
			answer.Code == "VersioningNotConfigured") {
		return false, nil
	}
	return found.Enabled() || found.Suspended(), db.ObjectError("ask for the bucket's versions", err)
}

// ObjectsPublic tells whether somebody without a key may list the bucket.
func (s *Store) ObjectsPublic(ctx context.Context) (bool, error) {
	address := s.Objects.Client.EndpointURL().JoinPath(s.Objects.Bucket).String() + "/?list-type=2&max-keys=1"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return false, fmt.Errorf("ask without a key: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, db.ObjectError("ask without a key", err)
	}
	return answer.StatusCode == http.StatusOK, answer.Body.Close()
}
