package money

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// Terminal is a till (E1).
type Terminal struct {
	ID         uuid.UUID            `json:"id"`
	University string               `json:"-"`
	MerchantID uuid.UUID            `json:"merchant_id"`
	Name       string               `json:"name"`
	State      campus.TerminalState `json:"state"`
	Generation int                  `json:"generation"`
	MadeAt     time.Time            `json:"made_at"`
	EnrolledAt *time.Time           `json:"enrolled_at,omitempty"`
	SeenAt     *time.Time           `json:"seen_at,omitempty" doc:"Its last heartbeat"`
	ClockOffMS int64                `json:"clock_off_ms" doc:"How far its clock was ahead of ours then, in milliseconds"`

	MerchantZH string `json:"merchant_zh"`
	MerchantEN string `json:"merchant_en"`
}

const terminalColumns = `select id, university, merchant_id, name, state, generation, made_at, enrolled_at, seen_at,
	clock_off_ms, ` + merchantNames + ` from terminals `

// merchantNames are those of the merchant that a row of terminals is of.
const merchantNames = `(select name_zh from merchants where merchants.id = terminals.merchant_id) as merchant_zh,
	(select name_en from merchants where merchants.id = terminals.merchant_id) as merchant_en`

func (x *Terminal) scan(row interface{ Scan(into ...any) error }) error {
	err := row.Scan(&x.ID, &x.University, &x.MerchantID, &x.Name, &x.State, &x.Generation, &x.MadeAt, &x.EnrolledAt,
		&x.SeenAt, &x.ClockOffMS, &x.MerchantZH, &x.MerchantEN)
	return absent(err, "terminal_unknown", "no such till")
}

// AddTerminal makes a till of a merchant that is open. It works once it is enrolled. Conflict: merchant_state,
// terminal_exists. NotFound: merchant_unknown.
func (s *Store) AddTerminal(ctx context.Context, req casework.Request, who campus.StaffMember, merchant uuid.UUID,
	name string) (Terminal, error) {
	return casework.Once(ctx, s.casework, "add a till", req, func(t db.Tx) (Terminal, error) {
		x := Terminal{ID: uuid.Must(uuid.NewV7()), University: who.University, MerchantID: merchant, Name: name,
			State: campus.TerminalNew, MadeAt: t.Now}
		m, err := lockMerchant(t, who.University, merchant)
		if err != nil {
			return x, err
		}
		x.MerchantZH, x.MerchantEN = m.NameZH, m.NameEN
		if m.State != campus.MerchantOpen {
			return x, campus.Errorf(campus.Conflict, "merchant_state", "merchant %s is %s", merchant, m.State)
		}
		err = t.Write(`insert into terminals (id, university, merchant_id, name, name_key, state, made_at)
			values (@id, @university, @merchant, @name, @key, 'new', @now)`, map[string]any{"id": x.ID,
			"university": x.University, "merchant": merchant, "name": name, "key": campus.FoldName(name), "now": t.Now})
		if err == nil {
			err = t.Flush()
		}
		if err != nil {
			return x, refusal(err)
		}
		return x, auditTerminal(t, who, x, "terminal.add")
	})
}

func auditTerminal(t db.Tx, who campus.StaffMember, x Terminal, action string) error {
	return casework.AddAudit(t, campus.Staff(who.ID), action, "terminal/"+x.ID.String(), x.University)
}

// EnrolmentCode is what somebody types into a till, once.
type EnrolmentCode struct {
	Code       string    `json:"code" doc:"Shown this once; typed into the till"`
	ValidUntil time.Time `json:"valid_until"`
}

const enrolmentTime = 24 * time.Hour

// MakeEnrolmentCode makes the code with which a till gets its next secret; the last one works no more. Conflict:
// terminal_state. NotFound: terminal_unknown.
func (s *Store) MakeEnrolmentCode(ctx context.Context, who campus.StaffMember, id uuid.UUID) (EnrolmentCode, error) {
	code := EnrolmentCode{Code: db.Digits(campus.EnrolmentDigits)}
	return code, s.InTx(ctx, "make an enrolment code", func(t db.Tx) error {
		x, err := lockTerminal(t, who.University, id)
		if err != nil {
			return err
		}
		if x.State == campus.TerminalRetired {
			return campus.Errorf(campus.Conflict, "terminal_state", "till %s is retired", id)
		}
		code.ValidUntil = t.Now.Add(enrolmentTime)
		if err := t.Write(`update terminals set code_hash = @hash, code_until = @until where id = @id`,
			map[string]any{"id": id, "hash": t.Keys.Keyed(enrolmentContext(id), code.Code), "until": code.ValidUntil}); err != nil {
			return err
		}
		return auditTerminal(t, who, x, "terminal.code")
	})
}

func enrolmentContext(id uuid.UUID) string { return "terminals.code/" + id.String() }

func secretContext(id uuid.UUID) string { return "terminals.secret/" + id.String() }

func lockTerminal(t db.Tx, university string, id uuid.UUID) (x Terminal, err error) {
	return x, x.scan(t.Ask(terminalColumns+`where university = @university and id = @id for update`,
		map[string]any{"university": university, "id": id}))
}

// Enrolled is what a till learns when it is enrolled.
type Enrolled struct {
	Terminal
	Secret []byte
}

// Enrol gives a till its secret for a code, and begins its next generation: what was signed with the secret before is
// no longer believed. A till that is stopped stays so. Wrong codes are held up by the address they come from, whether
// there is the till or not, and never end the right one: strangers see the till's id in what it shows.
// Unauthenticated: enrolment_code, whatever is wrong. TooMany: enrolment_delayed.
//
// What the till had sold without network and not sent is lost, unless kept says that we have all that its journal has:
// the number of the last sale in it. Of a till that does not know it any more, two people close the generation.
func (s *Store) Enrol(ctx context.Context, policy campus.SignInPolicy, id uuid.UUID, code, address string,
	kept *int64) (e Enrolled, err error) {
	e.Secret = make([]byte, 32)
	_, _ = rand.Read(e.Secret) // never fails
	entry := people.NewCodeEntry(s.Keys, policy, "enrolment", id.String(), address)
	var refusal error
	err = s.InTx(ctx, "enrol a till", func(t db.Tx) error {
		refusal = nil
		wait, err := entry.Count(t)
		if err != nil {
			return err
		}
		if wait > 0 {
			refusal = campus.Errorf(campus.TooMany, "enrolment_delayed", "too many wrong codes").After(wait)
			return nil
		}
		fits := false
		err = t.Ask(`select code_hash = @hash from terminals where id = @id and code_hash is not null and code_until > @now
			and state <> 'retired' for update`, map[string]any{"id": id, "now": t.Now,
			"hash": t.Keys.Keyed(enrolmentContext(id), code)}).Scan(&fits)
		if err != nil && !isAbsent(err) {
			return err
		}
		if !fits {
			refusal = campus.Errorf(campus.Unauthenticated, "enrolment_code", "the code is not the one of till %s", id)
			return noteWrongCode(t, entry, id)
		}
		if err := entry.Forgive(t); err != nil {
			return err
		}
		return enrol(t, id, kept, &e)
	})
	if err == nil {
		err = refusal
	}
	return e, err
}

// noteWrongCode keeps in the audit trail that an address begins to wait with wrong codes for a till that there is. The
// wrong entry stays counted.
func noteWrongCode(t db.Tx, entry people.CodeEntry, id uuid.UUID) error {
	if !entry.Began() {
		return nil
	}
	var university string
	err := t.Ask(`select university from terminals where id = @id`, map[string]any{"id": id}).Scan(&university)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return casework.AddAudit(t, campus.System(), "terminal.delay", "terminal/"+id.String(), university)
}

func enrol(t db.Tx, id uuid.UUID, kept *int64, e *Enrolled) error {
	whole := false
	err := t.Ask(`select coalesce(offline_sequence = cast(@kept as bigint), false) from terminals where id = @id`,
		map[string]any{"id": id, "kept": kept}).Scan(&whole)
	if err == nil && !whole {
		err = beginLoss(t, id)
	}
	if err != nil {
		return err
	}
	err = e.scan(t.Ask(`update terminals set state = case state when 'new' then 'active' else state end, secret = @secret, generation = generation + 1,
			offline_sequence = 0, offline_cents = 0, offline_records = 0, offline_ended_at = null, offline_upto_at = null,
			put_away_at = null, code_hash = null, code_until = null, enrolled_at = @now where id = @id
		returning id, university, merchant_id, name, state, generation, made_at, enrolled_at, seen_at, clock_off_ms,
			`+merchantNames,
		map[string]any{"id": id, "secret": t.Keys.Seal(secretContext(id), e.Secret), "now": t.Now}))
	if err != nil {
		return err
	}
	return casework.AddAudit(t, campus.Machine(id.String()), "terminal.enrol", "terminal/"+id.String(), e.University)
}

// SetTerminalState stops a till at once, lets it go on, or retires it. Conflict: terminal_state. NotFound:
// terminal_unknown.
func (s *Store) SetTerminalState(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	to campus.TerminalState) (Terminal, error) {
	return casework.Once(ctx, s.casework, "change a till", req, func(t db.Tx) (Terminal, error) {
		x, err := lockTerminal(t, who.University, id)
		if err != nil {
			return x, err
		}
		if err := x.State.CheckMove(to); err != nil {
			return x, err
		}
		x.State = to
		if err := t.Write(`update terminals set state = @state, code_hash = null, code_until = null where id = @id`,
			map[string]any{"id": id, "state": string(to)}); err != nil {
			return x, err
		}
		return x, auditTerminal(t, who, x, "terminal."+string(to))
	})
}

// Terminal reads a till of a university. NotFound: terminal_unknown.
func (s *Store) Terminal(ctx context.Context, university string, id uuid.UUID) (x Terminal, err error) {
	err = x.scan(s.Read(ctx).Ask(terminalColumns+`where university = @university and id = @id`,
		map[string]any{"university": university, "id": id}))
	return x, db.Wrap("read a till", err)
}

// Terminals lists the tills of a university, newest first; merchant may be zero, after is the last of the page before.
func (s *Store) Terminals(ctx context.Context, university string, merchant, after uuid.UUID,
	limit int) ([]Terminal, error) {
	found, err := db.All[Terminal](ctx, s.Reports, terminalColumns+`where university = @university
		and (@merchant = cast('00000000-0000-0000-0000-000000000000' as uuid) or merchant_id = @merchant)
		and (@after = cast('00000000-0000-0000-0000-000000000000' as uuid) or id < @after) order by id desc limit @limit`,
		map[string]any{"university": university, "merchant": merchant, "after": after, "limit": limit})
	return found, db.Wrap("list tills", err)
}

// Till is a till as the api knows it: with its secret, and what a payment needs to know of its merchant.
type Till struct {
	ID         uuid.UUID
	University string
	Name       string
	Generation int
	Secret     []byte
	Merchant   uuid.UUID
	MerchantZH string
	MerchantEN string
	Trade      string
	Book       uuid.UUID
}

// Till reads a till that is enrolled, whatever its state. NotFound: terminal_unknown.
func (s *Store) Till(ctx context.Context, id uuid.UUID) (x Till, err error) {
	var sealed []byte
	err = s.Read(ctx).Ask(`select t.id, t.university, t.name, t.generation, t.secret, m.id, m.name_zh, m.name_en, m.trade,
			m.book_id
		from terminals t join merchants m on m.id = t.merchant_id where t.id = @id and t.secret is not null`,
		map[string]any{"id": id}).Scan(&x.ID, &x.University, &x.Name, &x.Generation, &sealed, &x.Merchant, &x.MerchantZH,
		&x.MerchantEN, &x.Trade, &x.Book)
	if err = absent(err, "terminal_unknown", "no till enrolled under the id"); err != nil {
		return x, db.Wrap("read a till", err)
	}
	x.Secret, err = s.Keys.Open(secretContext(id), sealed)
	return x, err
}

// TillWorks tells whether a till and its merchant work now. Conflict: terminal_stopped.
func (s *Store) TillWorks(ctx context.Context, till Till) error {
	return mayNow(s.Read(ctx), tillWorksSQL, till)
}

// tillGivesBack tells whether a till may give back now: also while its merchant is stopped, which only takes nothing.
// Conflict: terminal_stopped.
func tillGivesBack(t db.Tx, till Till) error { return mayNow(t, tillGivesBackSQL, till) }

const (
	tillWorksSQL db.Statement = `select exists (select from terminals t join merchants m on m.id = t.merchant_id
		where t.id = @id and t.generation = @generation and t.state = 'active' and m.state = 'open')`
	tillGivesBackSQL db.Statement = `select exists (select from terminals t join merchants m on m.id = t.merchant_id
		where t.id = @id and t.generation = @generation and t.state = 'active' and m.state in ('open', 'stopped'))`
)

func mayNow(t db.Tx, sql db.Statement, till Till) error {
	var may bool
	err := t.Ask(sql, map[string]any{"id": till.ID, "generation": till.Generation}).Scan(&may)
	if err == nil && !may {
		return ErrTillStopped
	}
	return err
}

// Totals are what a till has taken and given back.
type Totals struct {
	Payments      int   `json:"payments"`
	PaidCents     int64 `json:"paid_cents"`
	GivenBack     int   `json:"given_back" doc:"Reversals, voids and refunds"`
	GivenCents    int64 `json:"given_back_cents"`
	Declined      int   `json:"declined"`
	ReversedFirst int   `json:"reversed_first" doc:"Keys that were reversed before anything came under them"`
}

// Totals adds up what stands under the keys of a till, by the time of their answers, and a reversal by its own: its
// shift. What was given back counts wherever it went, so the totals are what the shift has changed in the merchant's
// book.
func (s *Store) Totals(ctx context.Context, till uuid.UUID, from, until time.Time) (sum Totals, err error) {
	found, _, err := db.One[Totals](ctx, s.Reports, totalsSQL, map[string]any{"terminal": till.String(), "from": from,
		"until": until})
	return found, db.Wrap("add up a shift", err)
}

const totalsSQL db.Statement = `with mine as (
	select a.outcome, a.transfer_id, a.given_cents, a.at >= @from and a.at < @until as answered,
		a.reversal_id is not null and a.reversed_at >= @from and a.reversed_at < @until as reversed
	from answers a where a.terminal = @terminal
)
select count(*) filter (where m.outcome = 'paid' and answered) as payments,
	coalesce(sum(t.amount_cents), 0)::bigint as paid_cents,
	count(*) filter (where m.outcome = 'posted' and answered or reversed) as given_back,
	coalesce(sum(m.given_cents) filter (where m.outcome = 'posted' and answered or reversed), 0)::bigint as given_cents,
	count(*) filter (where m.outcome not in ('paid', 'posted', 'reversed') and answered) as declined,
	count(*) filter (where m.outcome = 'reversed' and answered) as reversed_first
from mine m left join transfers t on t.id = m.transfer_id and m.outcome = 'paid' and m.answered
where answered or reversed`

// Heartbeat is what a till says of itself, now and then.
type Heartbeat struct {
	Clock    time.Time // its own
	Epoch    int64     // of the newest denial that it knows; 0: it sells nothing without network
	Sequence int64     // of the last sale without network that it has made in this generation
}

// TillStanding is what a till is answered.
type TillStanding struct {
	At        time.Time
	Sequence  int64      // of the last sale without network that we have: what it has beyond, it sends
	EndedAt   *time.Time // since when it may not sell without network
	Watermark *time.Time // when we last had all of its sales
}

// Beat notes that a till is there, and how far its clock is ahead (L8). When we have all of its sales without network
// and its clock is about right, that is its watermark: what it may take begins anew (E1). Conflict: terminal_stopped,
// which is noted all the same. Invalid: moment_invalid.
func (s *Store) Beat(ctx context.Context, till Till, clockOff time.Duration, beat Heartbeat) (h TillStanding, err error) {
	if !campus.PlausibleTime(beat.Clock) {
		return h, campus.FieldErrorf("clock", "moment_invalid", "a moment that cannot be meant")
	}
	err = s.InTx(ctx, "note a heartbeat", func(t db.Tx) error {
		h.At = t.Now
		off := beat.Clock.Sub(t.Now)
		err := t.Ask(beatSQL, map[string]any{"id": till.ID, "generation": till.Generation, "now": t.Now,
			"off": off.Milliseconds(), "sequence": beat.Sequence, "right": off.Abs() <= clockOff, "epoch": beat.Epoch}).
			Scan(&h.Sequence, &h.EndedAt, &h.Watermark)
		if isAbsent(err) {
			return nil // of an earlier generation: it is told below
		}
		return err
	})
	if err != nil {
		return h, err
	}
	return h, s.TillWorks(ctx, till)
}

// The denials that a till says it knows are at most those that there are.
const beatSQL = `with heard as (
	select id, @right and offline_sequence = @sequence as whole,
		least(@epoch, (select coalesce(max(epoch), 0) from denials)) as epoch
	from terminals where id = @id and generation = @generation for no key update
)
update terminals t set seen_at = @now, clock_off_ms = @off, put_away_at = null,
	offline_upto_at = case when h.whole then @now else t.offline_upto_at end,
	offline_upto_epoch = case when h.whole then h.epoch else t.offline_upto_epoch end,
	offline_cents = case when h.whole then 0 else t.offline_cents end,
	offline_records = case when h.whole then 0 else t.offline_records end
from heard h where t.id = h.id returning t.offline_sequence, t.offline_ended_at, t.offline_upto_at`

// Denial is an account that tills without network must not take, or may take again.
type Denial struct {
	Epoch     int64      `json:"epoch" doc:"Its number: they only grow"`
	AccountID uuid.UUID  `json:"account"`
	Phone     *uuid.UUID `json:"phone,omitempty" doc:"The key of its phone by now, or the one that is not bound any more; a chip does not tell a till which it is"`
	Denied    bool       `json:"denied" doc:"False: it may pay again"`
}

// Denials are what tills of a university have to know beyond an epoch (E1, F1), the oldest first. What is being written
// at this moment is left to the next time, with all that is above it, so that nothing is passed over.
func (s *Store) Denials(ctx context.Context, university string, after int64, limit int) ([]Denial, error) {
	found, err := db.All[Denial](ctx, s.DB, denialsSQL, map[string]any{"university": university, "after": after, "limit": limit})
	return found, db.Wrap("list denials", err)
}

const denialsSQL db.Statement = `select d.epoch, d.account_id, coalesce(d.phone, a.phone_key) as phone, d.denied
	from denials d join accounts a on a.id = d.account_id
	where d.university = @university and d.epoch > @after and d.tx < pg_snapshot_xmin(pg_current_snapshot())
	order by d.epoch limit @limit`

// ErrTillStopped is the answer to a till that does not work now: it, or its merchant, was stopped or retired, or it has
// been enrolled again. Conflict: terminal_stopped.
var ErrTillStopped = campus.Errorf(campus.Conflict, "terminal_stopped", "the till or its merchant is stopped")
