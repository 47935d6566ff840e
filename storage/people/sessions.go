package people

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// SessionLevel says what a session may be used for.
type SessionLevel string

// The levels. Initial is a session opened with the initial password: it may only finish the first sign-in (A5).
const (
	InitialSession SessionLevel = "initial"
	FullSession    SessionLevel = "full"
)

// Session is an open session. Token is known at this moment only; the table keeps its hash.
type Session struct {
	Token     string
	Level     SessionLevel
	ExpiresAt time.Time
}

// Principal is who a token belongs to: Person or Staff, never both.
type Principal struct {
	Session   uuid.UUID
	Level     SessionLevel
	ExpiresAt time.Time
	Language  campus.Language // of the person or member of staff
	Person    *SignedInPerson
	Staff     *campus.StaffMember
}

// SignedInPerson is what every request of a holder needs to know about them.
type SignedInPerson struct {
	ID         uuid.UUID
	University string
	Campus     string
	Language   campus.Language
}

// FindSession returns the principal of a token. A token that is unknown, expired or revoked, or whose owner has left,
// is Unauthenticated. Every request asks it, so those that arrive together are looked up together; nothing is kept.
func (s *Store) FindSession(ctx context.Context, token string) (Principal, error) {
	principal, err := s.sessions.Do(ctx, tokenHash(token))
	return principal, db.Wrap("find a session", err)
}

const (
	sessionGroup     = 256
	sessionsAtOnce   = 1
	sessionGroupTime = 5 * time.Second // it takes milliseconds: everybody waits for one that hangs
)

type sessionRow struct {
	N          int
	ID         uuid.UUID
	Level      SessionLevel
	ExpiresAt  time.Time
	PersonID   *uuid.UUID
	StaffID    *uuid.UUID
	University string
	Campus     string
	Language   campus.Language
	Username   string
	Name       string
	Grants     db.JSONList[campus.Grant]
}

// gatherSessions has tokens that arrive at the same time looked up together.
func (s *Store) gatherSessions() {
	s.sessions = &db.Batcher[[]byte, Principal]{Take: s.findSessions, Most: sessionGroup, AtOnce: sessionsAtOnce,
		Pause:     db.CrowdPause,
		GroupTime: sessionGroupTime}
}

// findSessions looks up a lot of tokens by their hashes.
func (s *Store) findSessions(ctx context.Context, hashes [][]byte) []db.Result[Principal] {
	t := s.Read(ctx)
	var rows []sessionRow
	err := db.Wrap("find a session", t.Raw(`select v.n, s.id, s.level, s.expires_at, s.person_id, s.staff_id,
			coalesce(p.university, f.university) as university, coalesce(p.campus, '') as campus,
			coalesce(p.language, f.language) as language, coalesce(f.username, '') as username,
			coalesce(f.name, '') as name, coalesce(f.grants, '[]') as grants
		from unnest(?::bytea[]) with ordinality v (hash, n) join sessions s on s.token_hash = v.hash
			left join people p on p.id = s.person_id left join staff f on f.id = s.staff_id
		where s.revoked_at is null and s.expires_at > ? and f.retired_at is null`,
		db.Column(hashes, func(h []byte) []byte { return h }), t.Now).Scan(&rows).Error)
	answers := make([]db.Result[Principal], len(hashes))
	for i := range answers {
		if answers[i].Err = err; err == nil {
			answers[i].Err = campus.Errorf(campus.Unauthenticated, "session_over", "the session is unknown or over")
		}
	}
	for _, row := range rows {
		answers[row.N-1] = db.Result[Principal]{Value: row.principal()}
	}
	return answers
}

func (r sessionRow) principal() Principal {
	principal := Principal{Session: r.ID, Level: r.Level, ExpiresAt: r.ExpiresAt.UTC(), Language: r.Language}
	if r.StaffID != nil {
		principal.Staff = &campus.StaffMember{ID: *r.StaffID, University: r.University, Username: r.Username,
			Name: r.Name, Grants: r.Grants}
		return principal
	}
	principal.Person = &SignedInPerson{ID: *r.PersonID, University: r.University, Campus: r.Campus, Language: r.Language}
	return principal
}

// EndSession revokes a session. Revoking it twice is harmless.
func (s *Store) EndSession(ctx context.Context, id uuid.UUID) error {
	return s.InTx(ctx, "end a session", func(t db.Tx) error {
		return t.Exec(`update sessions set revoked_at = ? where id = ? and revoked_at is null`, t.Now, id).Error
	})
}

// owner is whose session it is; one of the two.
type owner struct {
	person, staff *uuid.UUID
	device        string // what the app calls it; may be empty
}

// openSession makes a token that nobody can guess and keeps its hash.
func openSession(t db.Tx, who owner, level SessionLevel, life campus.Duration) (Session, error) {
	session := Session{
		Token:     base64.RawURLEncoding.EncodeToString(db.RandomBytes(32)),
		Level:     level,
		ExpiresAt: t.Now.Add(life.Std()),
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Session{}, fmt.Errorf("make a session id: %w", err)
	}
	err = t.Exec(`insert into sessions (id, token_hash, person_id, staff_id, level, device, created_at, expires_at)
		values (?, ?, ?, ?, ?, ?, ?, ?)`, id, tokenHash(session.Token), who.person, who.staff, level, who.device, t.Now, session.ExpiresAt).Error
	if err != nil {
		return Session{}, fmt.Errorf("keep a session: %w", err)
	}
	return session, nil
}

// tokenHash returns how a token is kept. It has 256 random bits, so a fast hash without salt is enough.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
