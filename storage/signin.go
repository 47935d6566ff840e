package storage

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/campus"
)

// Credentials are what somebody types to sign in. Name is a student's number or a member of staff's username.
type Credentials struct {
	University string
	Name       string
	Password   string
	Device     string // what the app calls the device, if it says so (L6)
}

// account is the row an entry is counted on.
type account struct {
	ID           uuid.UUID
	PasswordHash *string
	Document     []byte // sealed; students only
	WrongEntries int    // with this entry
	Locked       bool
}

// SignInStudent opens a session of a holder. Until the first sign-in is finished the initial password is the one that
// counts, and the session is an initial one (A5).
func (s *Store) SignInStudent(ctx context.Context, policy campus.SignInPolicy, who Credentials) (Session, error) {
	return s.signIn(ctx, "people", policy, who, func(t tx, a account) (Session, error) {
		if a.PasswordHash == nil {
			return openSession(t, owner{person: &a.ID, device: who.Device}, InitialSession, policy.InitialSession)
		}
		return openSession(t, owner{person: &a.ID, device: who.Device}, FullSession, policy.StudentSession)
	})
}

// SignInStaff opens a session of a member of staff.
func (s *Store) SignInStaff(ctx context.Context, policy campus.SignInPolicy, who Credentials) (Session, error) {
	return s.signIn(ctx, "staff", policy, who, func(t tx, a account) (Session, error) {
		return openSession(t, owner{staff: &a.ID}, FullSession, policy.StaffSession)
	})
}

// signIn opens a session for who knows the password.
func (s *Store) signIn(ctx context.Context, table string, policy campus.SignInPolicy, who Credentials,
	open func(tx, account) (Session, error)) (Session, error) {
	var session Session
	err := s.enter(ctx, table, policy, who, func(t tx, a account) (err error) {
		session, err = open(t, a)
		return err
	})
	return session, err
}

// enter counts the entry, checks it and does what a right one opens. The count is committed before the password is looked
// at, so tries that come at the same time cannot share one; and no connection is held while the hash is computed.
func (s *Store) enter(ctx context.Context, table string, policy campus.SignInPolicy, who Credentials, open func(tx, account) error) error {
	release, err := s.passwords.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	found, err := s.countEntry(ctx, table, policy.WrongEntries, who)
	if err != nil {
		return err
	}
	if found != nil && found.Locked {
		return campus.Errorf(campus.TooMany, "sign_in_locked", "too many wrong entries today")
	}
	right, renewed, err := s.checkEntry(found, who)
	if err != nil {
		return err
	}
	if !right {
		return campus.Errorf(campus.Unauthenticated, "wrong_password", "unknown number or wrong password")
	}
	return s.inTx(ctx, "sign in", func(t tx) error {
		if err := forgiveEntries(t, table, *found); err != nil {
			return err
		}
		if err := renewHash(t, table, *found, renewed); err != nil {
			return err
		}
		return open(t, *found)
	})
}

// The statements of an entry, by table. F5's rule holds for sign-ins too: the day is one in Shanghai, and its end
// begins the count anew. An entry that finds the account locked is not counted: the answer is the same in any case.
const (
	countStudentEntry = `update people a set
			wrong_entries = case when a.wrong_on = @today then a.wrong_entries + 1 else 1 end, wrong_on = @today
		where university = @university and number = @name
			and not (coalesce(a.wrong_on = @today, false) and a.wrong_entries >= @limit)
		returning id, password_hash, document, wrong_entries`
	countStaffEntry = `update staff a set
			wrong_entries = case when a.wrong_on = @today then a.wrong_entries + 1 else 1 end, wrong_on = @today
		where university = @university and username = @name and retired_at is null
			and not (coalesce(a.wrong_on = @today, false) and a.wrong_entries >= @limit)
		returning id, password_hash, null::bytea as document, wrong_entries`
	findLockedStudent = `select id from people where university = @university and number = @name`
	findLockedStaff   = `select id from staff where university = @university and username = @name and retired_at is null`
)

// countEntry counts one entry in one statement on the account's row, which is what makes five mean five however many
// come at once. It answers nil for an unknown account.
func (s *Store) countEntry(ctx context.Context, table string, limit int, who Credentials) (*account, error) {
	count, find := countStudentEntry, findLockedStudent
	if table == "staff" {
		count, find = countStaffEntry, findLockedStaff
	}
	var found *account
	err := s.inTx(ctx, "count a sign-in", func(t tx) error {
		args := map[string]any{"today": campus.DateOf(t.now), "university": who.University, "name": who.Name, "limit": limit}
		var a account
		counted := t.Raw(count, args).Scan(&a)
		if counted.Error == nil && counted.RowsAffected == 0 {
			counted = t.Raw(find, args).Scan(&a)
			a.Locked = true
		}
		if counted.Error == nil && counted.RowsAffected > 0 {
			found = &a
		}
		return counted.Error
	})
	return found, err
}

// checkEntry tells whether the password is right, and takes about as long in every case. renewed is the hash of its one
// form (campus.NormalizePassword) when what is kept is of another: then that is accepted this once. The caller holds a
// slot.
func (s *Store) checkEntry(a *account, who Credentials) (right bool, renewed string, err error) {
	password := campus.NormalizePassword(who.Password)
	if a == nil || a.PasswordHash == nil {
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
func (s *Store) isInitial(a *account, who Credentials, password string) (bool, error) {
	if a == nil {
		return false, nil
	}
	document, err := s.keys.open(documentContext(who.University, who.Name), a.Document)
	if err != nil {
		return false, err
	}
	want := campus.InitialPassword(string(document))
	return subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1, nil
}

// renewHash keeps the hash of a password's one form in the place of an older one, unless the password has changed
// meanwhile.
func renewHash(t tx, table string, a account, renewed string) error {
	if renewed == "" {
		return nil
	}
	return t.Exec(`update ? set password_hash = ? where id = ? and password_hash = ?`, gorm.Expr(table), renewed, a.ID, *a.PasswordHash).Error
}

// forgiveEntries takes back the entries up to this right one; wrong ones that came after it stay counted.
func forgiveEntries(t tx, table string, a account) error {
	return t.Exec(`update ? set wrong_entries = greatest(wrong_entries - ?, 0) where id = ?`,
		gorm.Expr(table), a.WrongEntries, a.ID).Error
}

// forgetSessions revokes every open session of a person.
func forgetSessions(t tx, person uuid.UUID) error {
	return forgetOthers(t, person, uuid.Nil)
}

// forgetOthers revokes every open session of a person but one.
func forgetOthers(t tx, person, but uuid.UUID) error {
	err := t.Exec(`update sessions set revoked_at = ? where person_id = ? and id <> ? and revoked_at is null`, t.now, person, but).Error
	if err != nil {
		return fmt.Errorf("revoke the old sessions: %w", err)
	}
	return nil
}
