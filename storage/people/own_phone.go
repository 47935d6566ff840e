package people

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// SendNewPhoneCode sends a code to a number that a holder wants to have on file (L6). They say their password again: an
// open session in the wrong hands must not be enough. A wrong one counts as a wrong sign-in (F5). Invalid: wrong_entry,
// phone_same. TooMany: sign_in_locked, too_many_codes.
func (s *Store) SendNewPhoneCode(ctx context.Context, req casework.Request, policy campus.SignInPolicy, who Principal,
	password, phone string) (PhoneCodeSent, error) {
	if err := s.checkOwnPassword(ctx, policy, who.Person.ID, password); err != nil {
		return PhoneCodeSent{}, err
	}
	return casework.Once(ctx, s.casework, "send a code to a new phone", req, func(t db.Tx) (PhoneCodeSent, error) {
		var old string
		if err := t.Raw(`select phone from people where id = ? for update`, who.Person.ID).Row().Scan(&old); err != nil {
			return PhoneCodeSent{}, fmt.Errorf("find the phone: %w", err)
		}
		if old == phone {
			return PhoneCodeSent{}, phoneSame()
		}
		if err := countPhoneCodes(t, policy, who.Person.ID); err != nil {
			return PhoneCodeSent{}, err
		}
		sealed := t.Keys.Seal(newPhoneContext(req.ID), []byte(phone))
		notice, expires, err := makePhoneCode(t, req.ID, policy, who, sealed)
		if err != nil {
			return PhoneCodeSent{}, err
		}
		sent := PhoneCodeSent{Phone: phoneTail(phone), ExpiresAt: expires}
		return sent, queuePhoneMessage(t, who.Person.ID, phone, notice, &expires)
	})
}

// checkOwnPassword has somebody who is signed in say their password again, counted as at a sign-in.
func (s *Store) checkOwnPassword(ctx context.Context, policy campus.SignInPolicy, id uuid.UUID, password string) error {
	who, err := s.Person(ctx, id)
	if err != nil {
		return err
	}
	entry := Credentials{University: who.University, Name: who.Number, Password: password}
	err = s.enter(ctx, newStudentEntry(s.Keys, policy, entry), entry, func(db.Tx, account) error { return nil })
	if campus.CodeOf(err) == campus.Unauthenticated { // their session is good: 401 would sign them out
		return campus.FieldErrorf("password", "wrong_entry", "the password is wrong")
	}
	return err
}

// newPhoneContext binds a sealed number to its code.
func newPhoneContext(code uuid.UUID) string { return "phone_codes.phone/" + code.String() }

// PhoneChanged is the answer to a change of number.
type PhoneChanged struct {
	Phone string `json:"phone"` // the last four digits
}

// ChangePhone puts the number on file to which the code went, and signs every other device out. A wrong code is a try
// that counts, so the refusal commits and the request is let go. Invalid: code_expired, code_wrong, phone_same.
// TooMany: code_locked.
func (s *Store) ChangePhone(ctx context.Context, req casework.Request, policy campus.SignInPolicy, who Principal,
	code string) (changed PhoneChanged, err error) {
	var refusal error
	err = s.InTx(ctx, "change a phone", func(t db.Tx) error {
		first, err := casework.OpenRequest(t, req)
		if err != nil {
			return err
		}
		if first.Response != nil {
			return json.Unmarshal(first.Response, &changed)
		}
		if refusal, err = usePhoneCode(t, policy.PhoneCodeTries, who.Session, code); err != nil {
			return err
		}
		if refusal != nil {
			return casework.ForgetRequests(t, req.ID)
		}
		phone, err := newPhone(t, who.Session)
		if err != nil {
			return err
		}
		if err := SetPhone(t, req.Actor, who.Person.ID, phone, phoneByHolder); err != nil {
			return err
		}
		changed.Phone = phoneTail(phone)
		if err := forgetOthers(t, who.Person.ID, who.Session); err != nil {
			return err
		}
		return casework.CloseRequest(t, req.Key, 200, changed)
	})
	if err == nil {
		err = refusal
	}
	return changed, err
}

// newPhone returns the number to which the newest code of a session went.
func newPhone(t db.Tx, session uuid.UUID) (string, error) {
	var row struct {
		ID    uuid.UUID
		Phone []byte
	}
	if err := t.Raw(`select id, phone from phone_codes where session_id = ? order by created_at desc, id desc limit 1`,
		session).
		Scan(&row).Error; err != nil {
		return "", fmt.Errorf("find the new phone: %w", err)
	}
	phone, err := t.Keys.Open(newPhoneContext(row.ID), row.Phone)
	return string(phone), err
}
