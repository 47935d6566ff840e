package people

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// SendUnlockCode sends a code to the phone on file of a number that is locked (F5). The code is good with the password
// until the day ends, and so is every other of the same lock; the first that signs in ends the lock and spends them
// all. Over the policy's number for a lock none is sent any more, and the last one still counts, so nobody can use up
// the codes of somebody else. The answer does not tell what was done: whether a number is locked, has a phone or is
// anybody's at all.
func (s *Store) SendUnlockCode(ctx context.Context, policy campus.SignInPolicy, university,
	number string) (until time.Time, err error) {
	code := db.Digits(campus.LongCodeDigits) // enough that they need not be counted against the number they are for
	row := entryKey(s.Keys, university, number)
	err = s.InTx(ctx, "send an unlock code", func(t db.Tx) error {
		until = campus.DateOf(t.Now).End()
		var sent []struct {
			ID         uuid.UUID
			University string
		}
		if err := t.Raw(`with sent as (
				update sign_in_entries set codes = array_append(codes, @code), code_tries = 0
				where who = @who and day = @today and wrong >= @limit and cardinality(codes) < @most returning person_id)
			select p.id, p.university from sent join people p on p.id = sent.person_id where p.phone <> ''`,
			map[string]any{"code": unlockHash(t.Keys, row, code), "who": row, "today": campus.DateOf(t.Now),
				"limit": policy.WrongEntries, "most": policy.UnlockCodes}).Scan(&sent).Error; err != nil {
			return err
		}
		mail := casework.Mailing{Expires: &until, // to nobody it costs the same
			Notice: campus.Notice{Template: "notice.unlock_code", Params: map[string]string{"code": code}}}
		for _, to := range sent {
			mail.University, mail.People = to.University, []uuid.UUID{to.ID}
		}
		return casework.QueueNotices(t, mail)
	})
	return until, err
}

// unlockHash is how a code is kept, bound to its number.
func unlockHash(keys db.Keyring, row []byte, code string) []byte {
	return keys.Keyed("sign_in_entries.codes/"+hex.EncodeToString(row), code)
}

// UnlockAtCounter begins the counts of a person's sign-in anew (F5): of wrong entries, and of the codes of this hour,
// which whoever knows the initial password can use up. Codes that hold nobody up are left alone. The person is told.
// Conflict: sign_in_open. Forbidden: verification_missing.
func (s *Store) UnlockAtCounter(ctx context.Context, req casework.Request, policy campus.SignInPolicy,
	who campus.StaffMember,
	a NewCounterAct) (CounterAct, error) {
	return casework.Once(ctx, s.casework, "unlock a sign-in at the counter", req, func(t db.Tx) (CounterAct, error) {
		act, err := ActNow(t, req.ID, who, a)
		if err != nil {
			return act, err
		}
		person, err := findPerson(t, a.Person)
		if err != nil {
			return act, err
		}
		cleared, err := clearEntries(t, entryKey(t.Keys, person.University, person.Number))
		if err != nil {
			return act, err
		}
		codes := t.Exec(`delete from phone_codes where person_id = @person and created_at > @hour
			and (select count(*) from phone_codes where person_id = @person and created_at > @hour) >= @most`,
			map[string]any{"person": a.Person, "hour": t.Now.Add(-time.Hour), "most": policy.PhoneCodesPerHour})
		if codes.Error != nil {
			return act, codes.Error
		}
		if !cleared && codes.RowsAffected == 0 {
			return act, campus.Errorf(campus.Conflict, "sign_in_open", "nothing is counted against person %s", a.Person)
		}
		return act, casework.QueueNotice(t, a.Person, nil, campus.Notice{Template: "notice.sign_in_unlocked"}, nil)
	})
}

// ReleaseStaff ends every wait of the account of a member of staff of one's own university at the sign-in. That of an
// address stays: who guesses there is not to go on at once. NotFound: username_unknown.
func (s *Store) ReleaseStaff(ctx context.Context, req casework.Request, who campus.StaffMember, username string) error {
	_, err := casework.Once(ctx, s.casework, "release a member of staff", req, func(t db.Tx) (struct{}, error) {
		var colleague struct{ ID uuid.UUID }
		found := t.Raw(`select id from staff where university = ? and username = ? and retired_at is null`,
			who.University, username).Scan(&colleague)
		if found.Error != nil {
			return struct{}{}, found.Error
		}
		if found.RowsAffected == 0 {
			return struct{}{}, campus.Errorf(campus.NotFound, "username_unknown", "no such member of staff")
		}
		if err := liftDelays(t, t.Keys.Keyed("entry_delays."+staffDelays, who.University+"\x00"+username)); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, casework.AddAudit(t, campus.Staff(who.ID), "sign_in.release", "staff/"+colleague.ID.String(),
			who.University)
	})
	return err
}

// WrongEntries counts what was entered wrongly lately: at the sign-in of students and staff, and of codes.
type WrongEntries struct {
	Entries  int // those that were looked at
	Accounts int // for so many numbers, usernames and tills, known or not
	Locked   int // holders who are locked now (F5)
}

// WrongEntries looks at what was entered wrongly within a time, for the doctor.
func (s *Store) WrongEntries(ctx context.Context, window time.Duration) (w WrongEntries, err error) {
	now := s.Now()
	err = s.Pool.QueryRow(ctx, `with lately as (
			select wrong::float8 as entries from sign_in_entries where wrong_at > $1 and wrong > 0
			union all select greatest(max(level) filter (where key = account), sum(level) filter (where key <> account))
			from entry_delays where at > $1 and level > 0 and account is not null group by account)
		select coalesce(ceil(sum(entries)), 0)::int, count(*),
			(select count(*) from sign_in_entries where locked_at is not null and day = $2 and person_id is not null) from lately`,
		now.Add(-window), campus.DateOf(now)).Scan(&w.Entries, &w.Accounts, &w.Locked)
	return w, db.Wrap("count wrong entries", err)
}
