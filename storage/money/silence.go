package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// SilentTerminal is a till of which we do not have all sales without network, as far as we know (L8).
type SilentTerminal struct {
	ID         uuid.UUID
	University string
	MerchantID uuid.UUID
	MerchantZH string
	MerchantEN string
	Name       string
	State      campus.TerminalState
	Generation int
	Watermark  *time.Time // when we last had all of its sales; none: it has no right to sell without network
	SeenAt     *time.Time // its last heartbeat
	PutAwayAt  *time.Time // since when it is switched off
	Lost       bool       // the generation has ended, and what it had not sent is lost
	ProposedBy *uuid.UUID // who has said that the journal is lost, and waits for a second person
	Reason     string     // what they have found
}

const silentColumns = `select t.id, t.university, t.merchant_id, m.name_zh as merchant_zh, m.name_en as merchant_en, t.name, t.state, t.generation, t.offline_upto_at as watermark,
		t.seen_at, t.put_away_at, false as lost, l.proposed_by, coalesce(l.reason, '') as reason
	from terminals t join merchants m on m.id = t.merchant_id
		left join lost_generations l on l.terminal = t.id and l.generation = t.generation and l.closed_at is null `

const lostColumns = `select t.id, t.university, t.merchant_id, m.name_zh, m.name_en, t.name, t.state, l.generation, l.upto_at, t.seen_at, null, true,
		l.proposed_by, l.reason
	from lost_generations l join terminals t on t.id = l.terminal join merchants m on m.id = t.merchant_id `

// SilentTerminals are the tills of a university that may have sold without network before a moment, and have not said
// since that we have all of it (their watermark is not after it); with the generations that have ended so. One that is
// put away or retired, or a lost generation that two people have closed, is waited for by nobody. after zero: all that
// can be.
func (s *Store) SilentTerminals(ctx context.Context, university string, after time.Time) ([]SilentTerminal, error) {
	found, err := db.All[SilentTerminal](ctx, s.Reports, silentTerminalsSQL, map[string]any{"university": university,
		"after": after})
	return found, db.Wrap("list the tills whose sales are missing", err)
}

const silentTerminalsSQL db.Statement = silentColumns + `where t.university = @university and t.state in ('active', 'stopped')
		and t.put_away_at is null and t.offline_upto_at < @after
	union all ` + lostColumns + `where l.university = @university and l.generation < t.generation and l.closed_at is null
		and l.upto_at < @after
	order by id, generation`

// QuietTerminals are the tills of a university that staff should look at (L8): at work, and not heard of since a
// moment; heard of, and with sales that we do not have since then; put away; and lost generations that nobody has
// closed. after and its generation are the last of the page before: a till may be there with several.
func (s *Store) QuietTerminals(ctx context.Context, university string, since time.Time, after uuid.UUID, generation,
	limit int) ([]SilentTerminal, error) {
	found, err := db.All[SilentTerminal](ctx, s.Reports, quietTerminalsSQL, map[string]any{"university": university,
		"since": since, "after": after, "generation": generation, "limit": limit})
	return found, db.Wrap("list the silent tills", err)
}

const quietTerminalsSQL db.Statement = `select * from (` + silentColumns + `where t.university = @university and
		(t.state = 'active' and coalesce(t.seen_at, t.enrolled_at) < @since
			or t.state in ('active', 'stopped') and (t.offline_upto_at < @since or t.put_away_at is not null)
			or l.proposed_by is not null)
	union all ` + lostColumns + `where l.university = @university and l.generation < t.generation and l.closed_at is null) q
	where (id, generation) > (cast(@after as uuid), cast(@generation as int)) order by id, generation limit @limit`

// PutAway says that a till is switched off for a time, with what it may not have sent: nobody waits for it. Its next
// heartbeat ends that, and what it sends is taken. Conflict: terminal_state. NotFound: terminal_unknown.
func (s *Store) PutAway(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID) (Terminal, error) {
	return casework.Once(ctx, s.casework, "put a till away", req, func(t db.Tx) (Terminal, error) {
		x, err := lockTerminal(t, who.University, id)
		if err != nil {
			return x, err
		}
		if x.State != campus.TerminalActive && x.State != campus.TerminalStopped {
			return x, campus.Errorf(campus.Conflict, "terminal_state", "till %s is %s", id, x.State)
		}
		if err := t.Write(`update terminals set put_away_at = coalesce(put_away_at, @now) where id = @id`,
			map[string]any{"id": id, "now": t.Now}); err != nil {
			return x, err
		}
		return x, auditTerminal(t, who, x, "terminal.put_away")
	})
}

// LoseGeneration says that the journal of a till is lost, with what it has sold without network and not sent: of the
// generation that it has now, or of one that ended so. Another person closes it. Conflict: generation_state, when all
// of it is here, or two people have closed it. NotFound: terminal_unknown.
func (s *Store) LoseGeneration(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID, generation int,
	reason string) (SilentTerminal, error) {
	return casework.Once(ctx, s.casework, "propose to close a generation", req, func(t db.Tx) (x SilentTerminal, err error) {
		till, err := lockTerminal(t, who.University, id)
		if err != nil {
			return x, err
		}
		if generation == till.Generation && till.State != campus.TerminalNew {
			if err := beginLoss(t, id); err != nil {
				return x, err
			}
		}
		if _, err := lockLoss(t, id, generation); err != nil {
			return x, err
		}
		err = t.Write(`update lost_generations set proposed_by = @by, reason = @reason, proposed_at = @now
			where terminal = @id and generation = @generation`,
			map[string]any{"id": id, "generation": generation, "by": who.ID, "reason": reason, "now": t.Now})
		if err != nil {
			return x, err
		}
		return silentOf(till, generation, &who.ID, reason), auditTerminal(t, who, till, "terminal.lose")
	})
}

// beginLoss keeps that what a till has not sent of its present generation may be lost. It is there once. One that has
// never said that we have all of its sales had no right to make any.
func beginLoss(t db.Tx, id uuid.UUID) error {
	if err := t.Write(`insert into lost_generations (terminal, generation, university, upto_at, lost_at)
		select id, generation, university, offline_upto_at, @now from terminals where id = @id and offline_upto_at is not null
		on conflict on constraint lost_generations_pkey do nothing`, map[string]any{"id": id, "now": t.Now}); err != nil {
		return err
	}
	return t.Flush()
}

// loss is what was said of a lost generation.
type loss struct {
	by       *uuid.UUID
	proposed *time.Time
}

// lockLoss locks a lost generation that is not closed. Conflict: generation_state.
func lockLoss(t db.Tx, id uuid.UUID, generation int) (l loss, err error) {
	var closed *time.Time
	err = t.Ask(`select proposed_by, proposed_at, closed_at from lost_generations
		where terminal = @id and generation = @generation for update`,
		map[string]any{"id": id, "generation": generation}).Scan(&l.by, &l.proposed, &closed)
	if isAbsent(err) || err == nil && closed != nil {
		return l, campus.Errorf(campus.Conflict, "generation_state", "generation %d of till %s is not lost", generation, id)
	}
	return l, err
}

func silentOf(t Terminal, generation int, by *uuid.UUID, reason string) SilentTerminal {
	return SilentTerminal{ID: t.ID, University: t.University, MerchantID: t.MerchantID, MerchantZH: t.MerchantZH,
		MerchantEN: t.MerchantEN, Name: t.Name, State: t.State,
		Generation: generation, SeenAt: t.SeenAt, Lost: generation < t.Generation, ProposedBy: by, Reason: reason}
}

// CloseGeneration closes a lost generation, as a second person: nobody waits for its sales any more, and none of it is
// taken. What is lost was never posted, so the merchant bears it. A till that has the generation now works again once
// it is enrolled anew. Forbidden: same_person. Conflict: generation_state, also when the till was heard of since.
// NotFound: terminal_unknown.
func (s *Store) CloseGeneration(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	generation int) (SilentTerminal, error) {
	return casework.Once(ctx, s.casework, "close a generation", req, func(t db.Tx) (x SilentTerminal, err error) {
		till, err := lockTerminal(t, who.University, id)
		if err != nil {
			return x, err
		}
		l, err := lockLoss(t, id, generation)
		switch {
		case err != nil:
			return x, err
		case l.by == nil:
			return x, campus.Errorf(campus.Conflict, "generation_state", "nobody has said what was lost of till %s", id)
		case generation == till.Generation && till.SeenAt != nil && !till.SeenAt.Before(*l.proposed):
			return x, campus.Errorf(campus.Conflict, "generation_state", "till %s was heard of since", id)
		case *l.by == who.ID:
			return x, campus.Errorf(campus.Forbidden, "same_person", "till %s takes a second person", id)
		}
		words := map[string]any{"id": id, "generation": generation, "by": who.ID, "now": t.Now}
		if err := t.Write(`update lost_generations set closed_by = @by, closed_at = @now
			where terminal = @id and generation = @generation`, words); err != nil {
			return x, err
		}
		if generation == till.Generation {
			if err := t.Write(`update terminals set generation = generation + 1, secret = null, offline_sequence = 0,
					offline_cents = 0, offline_records = 0, offline_ended_at = null, offline_upto_at = null,
					state = case state when 'active' then 'new' else state end
				where id = @id`, words); err != nil {
				return x, err
			}
		}
		return silentOf(till, generation, l.by, ""), auditTerminal(t, who, till, "terminal.close_generation")
	})
}
