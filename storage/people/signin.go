package people

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Credentials are what somebody types to sign in. Name is a student's number or a member of staff's username.
type Credentials struct {
	University string
	Name       string
	Password   string
	Code       string // of a holder: gets past the lock of the day (F5)
	Device     string // what the app calls the device, if it says so (L6)
	Address    string // from where it comes
}

// account is who an entry is for. One that nobody has is empty.
type account struct {
	ID           uuid.UUID
	Number       string // as the roster writes it; students only
	PasswordHash *string
	Document     []byte // sealed; students only
}

// entryCount is how entries of a kind are counted. Each says whether the entry may be looked at before anybody looks.
type entryCount interface {
	// count counts one entry; refusal says why it is not looked at.
	count(t db.Tx) (a account, refusal, err error)
	// noteWrong keeps what follows from the entry being wrong, if anything does.
	noteWrong(t db.Tx, a account) error
	// forgive takes back what was counted up to this right entry.
	forgive(t db.Tx, a account) error
	table() string
}

// SignInStudent opens a session of a holder. Until the first sign-in is finished the initial password is the one that
// counts, and the session is an initial one (A5).
func (s *Store) SignInStudent(ctx context.Context, policy campus.SignInPolicy, who Credentials) (Session, error) {
	return s.signIn(ctx, newStudentEntry(s.Keys, policy, who), who, func(t db.Tx, a account) (Session, error) {
		if a.PasswordHash == nil {
			return openSession(t, owner{person: &a.ID, device: who.Device}, InitialSession, policy.InitialSession)
		}
		return openSession(t, owner{person: &a.ID, device: who.Device}, FullSession, policy.StudentSession)
	})
}

// SignInStaff opens a session of a member of staff.
func (s *Store) SignInStaff(ctx context.Context, policy campus.SignInPolicy, who Credentials) (Session, error) {
	return s.signIn(ctx, newStaffEntry(s.Keys, policy, who), who, func(t db.Tx, a account) (Session, error) {
		return openSession(t, owner{staff: &a.ID}, FullSession, policy.StaffSession)
	})
}

// signIn opens a session for who knows the password.
func (s *Store) signIn(ctx context.Context, entry entryCount, who Credentials,
	open func(db.Tx, account) (Session, error)) (Session, error) {
	var session Session
	err := s.enter(ctx, entry, who, func(t db.Tx, a account) (err error) {
		session, err = open(t, a)
		return err
	})
	return session, err
}

// enter counts the entry, checks it and does what a right one opens. The count is committed before the password is
// looked at, so tries that come at the same time cannot share one; and no connection is held while the hash is
// computed. For an account that nobody has the same is done as for one that somebody has.
func (s *Store) enter(ctx context.Context, entry entryCount, who Credentials, open func(db.Tx, account) error) error {
	release, err := s.passwords.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	var found account
	var refusal error
	err = s.InTx(ctx, "count a sign-in", func(t db.Tx) (err error) {
		found, refusal, err = entry.count(t)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return err
	}
	right, renewed, err := s.checkEntry(found, who)
	if err != nil {
		return err
	}
	if !right {
		if err := s.InTx(ctx, "note a wrong entry", func(t db.Tx) error { return entry.noteWrong(t, found) }); err != nil {
			return err
		}
		return campus.Errorf(campus.Unauthenticated, "wrong_password", "unknown number or wrong password")
	}
	return s.InTx(ctx, "sign in", func(t db.Tx) error {
		if err := entry.forgive(t, found); err != nil {
			return err
		}
		if err := renewHash(t, entry.table(), found, renewed); err != nil {
			return err
		}
		return open(t, found)
	})
}

// checkEntry tells whether the password is right, and takes about as long in every case. renewed is the hash of its one
// form (campus.NormalizePassword) when what is kept is of another: then that is accepted this once. The caller holds a
// slot.
func (s *Store) checkEntry(a account, who Credentials) (right bool, renewed string, err error) {
	password := campus.NormalizePassword(who.Password)
	if a.PasswordHash == nil {
		s.passwords.waste(password)
		if password != who.Password { // as often as for somebody who is known
			s.passwords.waste(who.Password)
		}
		right, err = s.isInitial(a, who, password)
		return right, "", err
	}
	right, err = s.passwords.matches(*a.PasswordHash, password)
	if err != nil || password == who.Password {
		return right, "", err
	}
	asTyped, err := s.passwords.matches(*a.PasswordHash, who.Password)
	if err == nil && asTyped {
		renewed = s.passwords.hash(password)
	}
	return right || asTyped, renewed, err
}

// isInitial tells whether somebody who has no password of their own yet has entered the initial one (A5).
func (s *Store) isInitial(a account, who Credentials, password string) (bool, error) {
	if a.ID == uuid.Nil {
		return false, nil
	}
	document, err := s.Keys.Open(DocumentContext(who.University, a.Number), a.Document)
	if err != nil {
		return false, err
	}
	want := campus.InitialPassword(string(document))
	return subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1, nil
}

// renewHash keeps the hash of a password's one form in the place of an older one, unless the password has changed
// meanwhile.
func renewHash(t db.Tx, table string, a account, renewed string) error {
	if renewed == "" {
		return nil
	}
	return t.Exec(`update ? set password_hash = ? where id = ? and password_hash = ?`, gorm.Expr(table), renewed, a.ID,
		*a.PasswordHash).Error
}

// ForgetSessions revokes every open session of a person.
func ForgetSessions(t db.Tx, person uuid.UUID) error {
	return forgetOthers(t, person, uuid.Nil)
}

// forgetOthers revokes every open session of a person but one.
func forgetOthers(t db.Tx, person, but uuid.UUID) error {
	err := t.Exec(`update sessions set revoked_at = ? where person_id = ? and id <> ? and revoked_at is null`, t.Now,
		person, but).Error
	if err != nil {
		return fmt.Errorf("revoke the old sessions: %w", err)
	}
	return nil
}
