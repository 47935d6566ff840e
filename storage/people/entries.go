package people

import (
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// studentEntry is one entry at the sign-in of holders. F5: five wrong ones in a row on one day lock it, and the end of
// the day in Shanghai begins the count anew. Strangers can cause the lock, so the holder gets past it alone, with a
// code that goes to their phone: the code is entered together with the password, and so nobody can lock them again in
// between.
type studentEntry struct {
	keys   db.Keyring
	policy campus.SignInPolicy
	who    Credentials
	row    []byte      // the key of sign_in_entries
	codes  *delays     // of wrong codes; none: the entry is without a code
	number int         // which one in a row this entry is ...
	day    campus.Date // ... on this day
}

func newStudentEntry(keys db.Keyring, policy campus.SignInPolicy, who Credentials) *studentEntry {
	who.Name = campus.FoldNumber(who.Name)
	e := &studentEntry{keys: keys, policy: policy, who: who, row: entryKey(keys, who.University, who.Name)}
	if who.Code != "" {
		e.codes = newDelays(keys, "code", policy.CodeDelays, who)
	}
	return e
}

// entryKey returns under what the entries for a number are counted, whether anybody has it or not.
func entryKey(keys db.Keyring, university, number string) []byte {
	return keys.Keyed("sign_in_entries.who", university+"\x00"+campus.FoldNumber(number))
}

func (e *studentEntry) table() string { return "people" }

const personOfEntry = `select id, number, password_hash, document from people
	where university = @university and number_key = @name`

// countEntry counts one entry in one statement on the number's row, which is what makes five mean five however many
// come at once. An entry that finds it locked is not counted: its number is null.
const countEntry = `with person as (` + personOfEntry + `), counted as (
		insert into sign_in_entries as e (who, person_id, day, wrong, wrong_at)
		select @who, (select id from person), @today, 1, @now
		on conflict (who) do update set person_id = excluded.person_id, day = excluded.day, wrong_at = excluded.wrong_at,
			wrong = case when e.day = excluded.day then e.wrong + 1 else 1 end,
			locked_at = case when e.day = excluded.day then e.locked_at end,
			codes = case when e.day = excluded.day then e.codes else '{}' end,
			code_tries = case when e.day = excluded.day then e.code_tries else 0 end
		where e.day <> excluded.day or e.wrong < @limit
		returning wrong)
	select p.id, p.number, p.password_hash, p.document, c.wrong
	from (values (1)) one left join person p on true left join counted c on true`

func (e *studentEntry) args(t db.Tx) map[string]any {
	return map[string]any{"who": e.row, "today": campus.DateOf(t.Now), "now": t.Now, "limit": e.policy.WrongEntries,
		"university": e.who.University, "name": e.who.Name, "tries": e.policy.UnlockCodeTries,
		"code": unlockHash(e.keys, e.row, e.who.Code)}
}

func (e *studentEntry) count(t db.Tx) (a account, refusal, err error) {
	if e.codes != nil {
		return e.countCode(t)
	}
	var found struct {
		ID           *uuid.UUID
		Number       string
		PasswordHash *string
		Document     []byte
		Wrong        *int
	}
	if err := t.Raw(countEntry, e.args(t)).Scan(&found).Error; err != nil {
		return a, nil, err
	}
	if found.Wrong == nil {
		return a, locked(t.Now), nil
	}
	e.number, e.day = *found.Wrong, campus.DateOf(t.Now)
	if found.ID != nil {
		a = account{*found.ID, found.Number, found.PasswordHash, found.Document}
	}
	return a, nil, nil
}

// locked is told whoever comes after the last entry of the day, with when the day ends.
func locked(now time.Time) error {
	return campus.Errorf(campus.TooMany, "sign_in_locked",
		"too many wrong entries today").After(campus.DateOf(now).End().Sub(now))
}

// countCode lets an entry past the lock that comes with a code of the day. Wrong codes are held up by address, never
// for the number: its holder may be entering the right one somewhere else.
func (e *studentEntry) countCode(t db.Tx) (a account, refusal, err error) {
	wait, err := e.codes.count(t)
	if err != nil {
		return a, nil, err
	}
	if wait > 0 {
		return a, campus.Errorf(campus.TooMany, "code_delayed", "too many wrong codes").After(wait), nil
	}
	args := e.args(t)
	tried := t.Exec(`update sign_in_entries set code_tries = code_tries + 1
		where who = @who and day = @today and @code = any (codes) and code_tries < @tries`, args)
	if tried.Error != nil {
		return a, nil, tried.Error
	}
	if tried.RowsAffected == 0 {
		refusal, err = e.wrongCode(t, args)
		return a, refusal, err
	}
	if err := e.codes.forgive(t); err != nil {
		return a, nil, err
	}
	return a, nil, t.Raw(personOfEntry, args).Scan(&a).Error
}

// wrongCode tells whether the code was right and entered too often with wrong passwords; only its holder is told that.
func (e *studentEntry) wrongCode(t db.Tx, args map[string]any) (refusal, err error) {
	var spent bool
	if err := t.Raw(`select exists (select 1 from sign_in_entries where who = @who and day = @today and @code = any (codes))`, args).
		Row().Scan(&spent); err != nil {
		return nil, err
	}
	if spent {
		return campus.Errorf(campus.TooMany, "unlock_code_spent", "the code was entered too often"), e.codes.forgive(t)
	}
	return campus.FieldErrorf("code", "unlock_code_wrong", "the code is wrong, or of another day"), nil
}

// noteWrong keeps that the number is locked now. The audit row is about a person; a number that nobody has leaves none,
// and costs the same.
func (e *studentEntry) noteWrong(t db.Tx, _ account) error {
	if e.number < e.policy.WrongEntries {
		return nil
	}
	var locked []struct {
		ID         uuid.UUID
		University string
	}
	err := t.Raw(`with locked as (
			update sign_in_entries set locked_at = @now
			where who = @who and day = @day and wrong >= @limit and locked_at is null returning person_id)
		select p.id, p.university from locked join people p on p.id = locked.person_id`,
		map[string]any{"now": t.Now, "who": e.row, "day": e.day, "limit": e.policy.WrongEntries}).Scan(&locked).Error
	if err != nil {
		return err
	}
	var lines []casework.Audited
	for _, who := range locked {
		lines = append(lines, casework.Audited{By: campus.System(), Action: "sign_in.lock",
			Subject: "person/" + who.ID.String(), University: who.University})
	}
	return casework.AddAudits(t, lines)
}

// forgive takes back the entries up to this right one; wrong ones that came after it stay counted. With a code all do
// not.
func (e *studentEntry) forgive(t db.Tx, a account) error {
	if e.codes == nil {
		return t.Exec(`update sign_in_entries set wrong = greatest(wrong - @number, 0),
				locked_at = case when wrong - @number >= @limit then locked_at end where who = @who and day = @day`,
			map[string]any{"number": e.number, "limit": e.policy.WrongEntries, "who": e.row, "day": e.day}).Error
	}
	if _, err := clearEntries(t, e.row); err != nil {
		return err
	}
	return casework.AddAudit(t, campus.Student(a.ID), "sign_in.unlock", "person/"+a.ID.String(), e.who.University)
}

// clearEntries begins the count of a number anew; cleared tells whether anything was counted.
func clearEntries(t db.Tx, row []byte) (cleared bool, err error) {
	done := t.Exec(`update sign_in_entries set wrong = 0, locked_at = null, codes = '{}', code_tries = 0
		where who = ? and (wrong > 0 or codes <> '{}')`, row)
	return done.RowsAffected > 0, done.Error
}

// staffEntry is one entry at the sign-in of staff. Staff are not locked: the next entry waits, the longer the more
// wrong ones there were. Entries of strangers elsewhere hold nobody up at their usual address.
type staffEntry struct {
	who    Credentials
	delays *delays
}

// staffDelays is the kind under which entries of staff are counted.
const staffDelays = "staff"

func newStaffEntry(keys db.Keyring, policy campus.SignInPolicy, who Credentials) *staffEntry {
	d := newDelays(keys, staffDelays, policy.StaffDelays, who)
	d.usual = policy.UsualAddress.Std()
	return &staffEntry{who, d}
}

func (e *staffEntry) table() string { return "staff" }

func (e *staffEntry) count(t db.Tx) (a account, refusal, err error) {
	wait, err := e.delays.count(t)
	if err != nil {
		return a, nil, err
	}
	if wait > 0 {
		return a, campus.Errorf(campus.TooMany, "sign_in_delayed", "too many wrong entries lately").After(wait), nil
	}
	err = t.Raw(`select id, password_hash from staff where university = ? and username = ? and retired_at is null`,
		e.who.University, e.who.Name).Scan(&a).Error
	return a, nil, err
}

// noteWrong keeps in the audit trail that a member of staff begins to wait. For a username that nobody has it costs
// the same.
func (e *staffEntry) noteWrong(t db.Tx, a account) error {
	if !e.delays.began() {
		return nil
	}
	var lines []casework.Audited
	if a.ID != uuid.Nil {
		lines = []casework.Audited{{By: campus.System(), Action: "sign_in.delay", Subject: "staff/" + a.ID.String(),
			University: e.who.University}}
	}
	return casework.AddAudits(t, lines)
}

func (e *staffEntry) forgive(t db.Tx, _ account) error { return e.delays.forgive(t) }
