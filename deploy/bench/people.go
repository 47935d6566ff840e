package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/portrait"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/people"
)

// applicant is somebody who is signed in, has handed in their pictures, and has all that an application needs.
type applicant struct {
	id       uuid.UUID
	person   client.Person
	student  *client.Student
	pictures pictures
	filled   client.Application
}

// pictures are what an applicant has handed in, 640 x 480.
type pictures struct {
	document, certificate []byte
	frames                [][]byte
}

const (
	gesture  = portrait.Nod
	frames   = 3
	pageSize = 10_000
)

// applicants prepares everybody for whom all is well, past the interface: signing in takes a message and a slow hash.
// Only the first of them have pictures in the object store; the files of the others are rows that nobody will read.
func (h *env) applicants(ctx context.Context, withPictures int) ([]*applicant, error) {
	list, err := h.people(ctx)
	if err != nil {
		return nil, err
	}
	return list, h.prepare(ctx, list, withPictures)
}

func (h *env) prepare(ctx context.Context, list []*applicant, withPictures int) error {
	if err := h.signIn(ctx, list); err != nil {
		return fmt.Errorf("sign everybody in: %w", err)
	}
	if err := h.fillIn(ctx, list); err != nil {
		return fmt.Errorf("prepare the uploads: %w", err)
	}
	if err := h.handIn(ctx, list[:min(withPictures, len(list))]); err != nil {
		return err
	}
	// As Postgres does by itself within a minute: plans made before it knows these tables read them from end to end.
	// Not the empty ones: believed to be small, they would be read so while they grow.
	_, err := h.pool.Exec(ctx, `analyze people, sessions, challenges, uploads`)
	return err
}

// people returns students of the mainland whom the school's systems have nothing against, and who have not applied yet.
func (h *env) people(ctx context.Context) ([]*applicant, error) {
	known := map[string]uuid.UUID{}
	rows, err := h.pool.Query(ctx, `select university || '/' || number, id from people p
		where not exists (select 1 from cases where person_id = p.id)`)
	if err != nil {
		return nil, fmt.Errorf("read the people: %w", err)
	}
	var who string
	var id uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&who, &id}, func() error { known[who] = id; return nil }); err != nil {
		return nil, fmt.Errorf("read the people: %w", err)
	}
	var list []*applicant
	for offset := 0; ; offset += pageSize {
		page, _, err := h.school.People(ctx, client.PersonFilter{Kind: "plain", Offset: offset, Limit: pageSize})
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			id, found := known[p.University+"/"+p.Number]
			if found && p.DocumentType == string(campus.ResidentCard) && p.CertificateCode != "" {
				list = append(list, &applicant{id: id, person: p})
			}
		}
		if len(page) < pageSize {
			return list, nil
		}
	}
}

func (h *env) signIn(ctx context.Context, list []*applicant) error {
	now := time.Now()
	return h.copy(ctx, "sessions", []string{"id", "token_hash", "person_id", "level", "created_at", "expires_at"}, list,
		func(a *applicant) [][]any {
			secret := make([]byte, 32)
			_, _ = rand.Read(secret)
			token := base64.RawURLEncoding.EncodeToString(secret)
			hash := sha256.Sum256([]byte(token))
			a.student = h.api.Resume(a.person.University, a.person.Number, token)
			return [][]any{{uuid.New(), hash[:], a.id, people.FullSession, now, now.Add(24 * time.Hour)}}
		})
}

// fillIn writes everybody's files and challenge, and the application that takes them.
func (h *env) fillIn(ctx context.Context, list []*applicant) error {
	now := time.Now()
	err := h.copy(ctx, "challenges", []string{"id", "person_id", "gesture", "created_at", "expires_at"}, list,
		func(a *applicant) [][]any {
			a.filled = client.Application{
				Document: client.Document{Type: campus.ResidentCard, Number: a.person.DocumentNumber, NeverExpires: true,
					Upload: newID()},
				Papers:   client.Papers{Certificate: &client.Paper{Upload: newID(), Code: a.person.CertificateCode}},
				Liveness: &client.Liveness{Challenge: newID(), Frames: []uuid.UUID{newID(), newID(), newID()}},
				Consent:  &client.Consent{Biometrics: true, Version: campus.ConsentVersion},
			}
			return [][]any{{a.filled.Liveness.Challenge, a.id, gesture, now, now.Add(24 * time.Hour)}}
		})
	if err != nil {
		return err
	}
	columns := []string{"id", "person_id", "purpose", "object_key", "content_type", "bytes", "width", "height", "sha256",
		"created_at"}
	return h.copy(ctx, "uploads", columns, list, func(a *applicant) (rows [][]any) {
		for purpose, ids := range a.uploads() {
			for _, id := range ids {
				rows = append(rows, []any{id, a.id, purpose, "uploads/" + id.String(), "image/jpeg", 1, 640, 480, []byte{}, now})
			}
		}
		return rows
	})
}

func (a *applicant) uploads() map[campus.UploadPurpose][]uuid.UUID {
	return map[campus.UploadPurpose][]uuid.UUID{
		campus.DocumentUpload:    {a.filled.Document.Upload},
		campus.CertificateUpload: {a.filled.Certificate.Upload},
		campus.FrameUpload:       a.filled.Liveness.Frames,
	}
}

// newID is in the order of time, as the product's ids are: random ones would make every index slower than it is.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// copy writes rows for everybody into a table.
func (h *env) copy(ctx context.Context, table string, columns []string, list []*applicant,
	rowsOf func(*applicant) [][]any) error {
	var rows [][]any
	for _, a := range list {
		rows = append(rows, rowsOf(a)...)
	}
	_, err := h.pool.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

const drawAtOnce = 4

// handIn draws pictures of some people and keeps them in the place of their empty rows.
func (h *env) handIn(ctx context.Context, list []*applicant) error {
	var group errgroup.Group
	group.SetLimit(drawAtOnce)
	for _, a := range list {
		group.Go(func() error {
			if a.pictures.document == nil {
				a.pictures = draw(a.person.Identity)
			}
			if _, err := h.pool.Exec(ctx, `delete from uploads where person_id = $1`, a.id); err != nil {
				return fmt.Errorf("clear the uploads: %w", err)
			}
			return h.keep(ctx, a)
		})
	}
	return group.Wait()
}

// drawAll draws the pictures of people who keep them to themselves.
func drawAll(list []*applicant) {
	var group errgroup.Group
	group.SetLimit(drawAtOnce)
	for _, a := range list {
		group.Go(func() error { a.pictures = draw(a.person.Identity); return nil })
	}
	_ = group.Wait() // drawing does not fail
}

func draw(identity string) pictures {
	return pictures{
		document: portrait.Document("resident_card", identity), certificate: portrait.Certificate(identity),
		frames: portrait.Frames(identity, gesture, frames),
	}
}

func (h *env) keep(ctx context.Context, a *applicant) error {
	upload := func(id uuid.UUID, purpose campus.UploadPurpose, content []byte) error {
		request := casework.Request{ID: id, Key: "bench/" + id.String(), Actor: campus.Student(a.id), Route: "bench",
			BodyHash: []byte{}}
		_, err := h.store.Cards.AddUpload(ctx, request, cards.NewUpload{
			Person: a.id, Purpose: purpose, ContentType: "image/jpeg", Width: 640, Height: 480, Content: content,
		})
		return err
	}
	if err := upload(a.filled.Document.Upload, campus.DocumentUpload, a.pictures.document); err != nil {
		return err
	}
	if err := upload(a.filled.Certificate.Upload, campus.CertificateUpload, a.pictures.certificate); err != nil {
		return err
	}
	for i, id := range a.filled.Liveness.Frames {
		if err := upload(id, campus.FrameUpload, a.pictures.frames[i]); err != nil {
			return err
		}
	}
	return nil
}
