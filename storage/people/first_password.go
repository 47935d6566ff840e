package people

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// PhoneCodeSent says that a code is on its way, and where it goes.
type PhoneCodeSent struct {
	Phone     string    `json:"phone"` // the last four digits
	ExpiresAt time.Time `json:"expires_at"`
}

// SendPhoneCode queues a code for the phone on file (A5). The code counts in this session only, and the newest one
// alone. Over the policy's number in an hour: TooMany.
func (s *Store) SendPhoneCode(ctx context.Context, req casework.Request, policy campus.SignInPolicy,
	who Principal) (PhoneCodeSent, error) {
	return casework.Once(ctx, s.casework, "send a phone code", req, func(t db.Tx) (PhoneCodeSent, error) {
		phone, err := claimPhoneCode(t, policy, who.Person.ID)
		if err != nil {
			return PhoneCodeSent{}, err
		}
		notice, expires, err := makePhoneCode(t, req.ID, policy, who, nil)
		if err != nil {
			return PhoneCodeSent{}, err
		}
		return PhoneCodeSent{Phone: phoneTail(phone), ExpiresAt: expires}, casework.QueueNotice(t, who.Person.ID, nil,
			notice, &expires)
	})
}

// makePhoneCode draws a code and keeps its hash, with the new number it is for, if any.
func makePhoneCode(t db.Tx, id uuid.UUID, policy campus.SignInPolicy, who Principal, phone []byte) (campus.Notice,
	time.Time, error) {
	expires := t.Now.Add(policy.PhoneCode.Std())
	code := db.Digits(campus.PhoneCodeDigits)
	err := t.Exec(`insert into phone_codes (id, session_id, person_id, code_hash, phone, created_at, expires_at)
		values (?, ?, ?, ?, ?, ?, ?)`,
		id, who.Session, who.Person.ID, t.Keys.Keyed(phoneCodeContext(who.Session), code), phone, t.Now, expires).Error
	if err != nil {
		return campus.Notice{}, expires, fmt.Errorf("keep a phone code: %w", err)
	}
	minutes := strconv.Itoa(int(policy.PhoneCode.Std().Minutes()))
	return campus.Notice{Template: "notice.phone_code",
		Params: map[string]string{"code": code, "minutes": minutes}}, expires, nil
}

// claimPhoneCode locks the person, so that codes asked for at the same time are counted one after the other.
func claimPhoneCode(t db.Tx, policy campus.SignInPolicy, person uuid.UUID) (phone string, err error) {
	if err := t.Raw(`select phone from people where id = ? for update`, person).Scan(&phone).Error; err != nil {
		return "", fmt.Errorf("find the phone: %w", err)
	}
	if phone == "" {
		return "", campus.Errorf(campus.Conflict, "phone_missing", "the roster has no phone for this person")
	}
	return phone, countPhoneCodes(t, policy, person)
}

// countPhoneCodes limits codes, to whatever number they go: each is an SMS, and a guess more. The person is locked.
func countPhoneCodes(t db.Tx, policy campus.SignInPolicy, person uuid.UUID) error {
	var sent int
	err := t.Raw(`select count(*) from phone_codes where person_id = ? and created_at > ?`,
		person, t.Now.Add(-time.Hour)).Scan(&sent).Error
	if err != nil {
		return fmt.Errorf("count the phone codes: %w", err)
	}
	if sent >= policy.PhoneCodesPerHour {
		return campus.Errorf(campus.TooMany, "too_many_codes", "%d phone codes in an hour", sent)
	}
	return nil
}

// SetFirstPassword finishes the first sign-in: with the code, the new password replaces the initial one, every old
// session ends, and a full one begins. The answer holds a token and is therefore not kept under an idempotency key;
// nothing is lost by that, because the session that asks ends with it and the new password opens another.
func (s *Store) SetFirstPassword(ctx context.Context, policy campus.SignInPolicy, who Principal, code,
	password string) (Session, error) {
	person, err := s.Identity(ctx, who.Person.ID)
	if err != nil {
		return Session{}, err
	}
	password = campus.NormalizePassword(password)
	if err := campus.CheckNewPassword(password, person.Number, person.DocumentNumber); err != nil {
		return Session{}, err
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return Session{}, err
	}
	var session Session
	var refusal error
	err = s.InTx(ctx, "set the first password", func(t db.Tx) (err error) {
		if refusal, err = usePhoneCode(t, policy.PhoneCodeTries, who.Session, code); err != nil || refusal != nil {
			return err // a refusal commits: the try stays counted
		}
		set := t.Exec(`update people set password_hash = ? where id = ? and password_hash is null`, hash, who.Person.ID)
		if set.Error != nil {
			return fmt.Errorf("keep the password: %w", set.Error)
		}
		if set.RowsAffected == 0 {
			return campus.Errorf(campus.Conflict, "password_set", "the first password was set in another session")
		}
		if _, err := clearEntries(t, entryKey(t.Keys, person.University, person.Number)); err != nil {
			return err
		}
		if err := ForgetSessions(t, who.Person.ID); err != nil {
			return err
		}
		device := owner{person: &who.Person.ID} // the one that asks goes on under its name
		if err := t.Raw(`select device from sessions where id = ?`, who.Session).Row().Scan(&device.device); err != nil {
			return fmt.Errorf("find the device: %w", err)
		}
		session, err = openSession(t, device, FullSession, policy.StudentSession)
		return err
	})
	if err == nil {
		err = refusal
	}
	return session, err
}

func (s *Store) hashPassword(ctx context.Context, password string) (string, error) {
	release, err := s.passwords.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return s.passwords.hash(password), nil
}

// usePhoneCode counts a try of the session's newest code, then looks at it. refusal is what to tell the person.
func usePhoneCode(t db.Tx, tries int, session uuid.UUID, code string) (refusal, err error) {
	var row struct {
		ID       uuid.UUID
		CodeHash []byte
		Tries    int
	}
	found := t.Raw(`update phone_codes set tries = tries + 1
		where id = (select id from phone_codes where session_id = ? order by created_at desc, id desc limit 1)
			and used_at is null and expires_at > ?
		returning id, code_hash, tries`, session, t.Now).Scan(&row)
	switch {
	case found.Error != nil:
		return nil, fmt.Errorf("count a try of the phone code: %w", found.Error)
	case found.RowsAffected == 0:
		return campus.FieldErrorf("code", "code_expired", "no phone code is open in this session"), nil
	case row.Tries > tries:
		return campus.Errorf(campus.TooMany, "code_locked", "the phone code was tried too often"), nil
	case subtle.ConstantTimeCompare(row.CodeHash, t.Keys.Keyed(phoneCodeContext(session), code)) != 1:
		return campus.FieldErrorf("code", "code_wrong", "the phone code is wrong"), nil
	}
	if err := t.Exec(`update phone_codes set used_at = ? where id = ?`, t.Now, row.ID).Error; err != nil {
		return nil, fmt.Errorf("use up the phone code: %w", err)
	}
	return nil, nil
}

func phoneCodeContext(session uuid.UUID) string { return "phone_codes/" + session.String() }
