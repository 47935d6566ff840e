package outreach

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// LeaveLine takes an application out of the line; one that is not there any more is no error.
func LeaveLine(t db.Tx, id uuid.UUID) error {
	return t.Exec(`delete from line where case_id = ?`, id).Error
}

// JoinLine puts applications in the line, each at its place. It is queued, as Write does.
func JoinLine(t db.Tx, lot []casework.Start) error {
	return t.Write(`insert into line (case_id, university, place, input, trace)
		select v.id, v.university, v.place, cast(v.input as jsonb), v.trace
		from unnest(cast(@ids as uuid[]), cast(@universities as text[]), cast(@places as timestamptz[]),
			cast(@inputs as text[]), cast(@traces as text[])) v (id, university, place, input, trace)`, map[string]any{
		"ids":          db.IDs(lot, func(s casework.Start) uuid.UUID { return s.Case.ID }),
		"universities": db.Column(lot, func(s casework.Start) string { return s.University }),
		"places":       db.Column(lot, func(s casework.Start) time.Time { return s.Place }),
		"inputs":       db.Column(lot, func(s casework.Start) string { return s.Input }),
		"traces":       db.Column(lot, func(s casework.Start) string { return s.Trace }),
	})
}

// The line's measure of itself.
const (
	paceSpan    = 10 * time.Second // how long the line has to be busy for one measurement
	paceBurst   = time.Second / 5  // what may be caught up after nobody was let in
	standsAfter = 10 * time.Second // that nobody was let in, the line stands
	rushSpan    = time.Second / 5  // how long a crowd is counted: the longer, the more begin before it is seen
)

// admitAtOnce is how many may leave the line at once; the statement has it in its text.
const admitAtOnce = 100

type pace struct {
	NextAt    time.Time
	BeganAt   time.Time
	LetIn     int
	PerSecond *float64
	// within the last rushSpan, to the university most came to; who has a head start is not counted: their place is not
	// the time they came
	Came int
	Busy int // as backlogSQL has it
}

// lockPace takes the row by which callers take turns, with what the line and the engine look like; found is false while
// another caller has it.
func lockPace(t db.Tx, p campus.RushPolicy) (now pace, found bool, err error) {
	row := t.Raw(`select next_at, began_at, let_in, per_second, `+backlogSQL+` as busy, (
			select coalesce(max(came), 0) from universities u cross join lateral
				(select count(*) as came from (select 1 from line where university = u.code and place > @since order by place limit @crowd) l) n) as came
		from line_pace for update skip locked`,
		map[string]any{"since": t.Now.Add(-rushSpan), "crowd": crowd(p), "most": p.Backlog,
			"kind": string(campus.ApplicationCase)}).Scan(&now)
	return now, row.RowsAffected > 0, row.Error
}

// crowd returns how many in one line within rushSpan are a rush.
func crowd(p campus.RushPolicy) int { return max(1, int(float64(p.Pressing)*rushSpan.Seconds())) }

// Admit starts the applications whose turn it is, and answers how many: no more a second than the policy says, fewer
// while applications press, and none while the engine has its backlog of cases that wait for it or for the school.
// Universities take turns, whatever the length of their lines. Of several callers at once one does it.
func (s *Store) Admit(ctx context.Context, p campus.RushPolicy, limit int) (taken int, err error) {
	// Most looks find nobody, and a transaction is four times as much. In the order of the index: who has left the line
	// leaves dead rows behind, which a plain look would read from the beginning each time.
	var anybody int
	err = s.Pool.QueryRow(ctx,
		`select count(*) from (select 1 from line order by university, place, case_id limit 1) l`).Scan(&anybody)
	if err != nil || anybody == 0 {
		return 0, db.Wrap("look at the line", err)
	}
	err = s.InTx(ctx, "let applications in", func(t db.Tx) error {
		now, found, err := lockPace(t, p)
		if err != nil || !found {
			return err
		}
		p := pressed(p, now)
		room := lineRoom(p, now, t.Now, limit)
		if room < 1 {
			return nil
		}
		next, err := takeFromLine(t, room)
		if err != nil {
			return err
		}
		taken = len(next)
		if err := casework.EnqueueStarts(t, next); err != nil {
			return err
		}
		return keepPace(t, p, now, taken, room)
	})
	return taken, err
}

// takeFromLine takes those whose turn it is out of the line, in the order of their places.
func takeFromLine(t db.Tx, room int) ([]casework.Start, error) {
	var next []struct {
		CaseID     uuid.UUID
		University string
		Place      time.Time
		Input      string
		Trace      string
	}
	// The inner limit stands in the text, so that the plan that is kept is one for so few.
	err := t.Raw(`with next as (
			select case_id from (
				select l.*, row_number() over (partition by l.university order by l.place, l.case_id) as turn
				from universities u cross join lateral
					(select * from line where university = u.code order by place, case_id limit 100) l) q
			order by turn, place, case_id limit @room),
		gone as (delete from line where case_id in (select case_id from next) returning *)
		select * from gone order by place`, map[string]any{"room": room}).Scan(&next).Error
	starts := make([]casework.Start, len(next))
	for i, n := range next {
		starts[i] = casework.Start{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: n.CaseID}, University: n.University,
			Place: n.Place, Input: n.Input, Trace: n.Trace}
	}
	return starts, err
}

// pressed is the policy with the pace that holds at this moment: a slower one while applications come so fast that
// accepting them needs the house.
func pressed(p campus.RushPolicy, now pace) campus.RushPolicy {
	if p.Pressing > 0 && now.Came >= crowd(p) {
		p.StartsPerSecond = p.PressedStarts
	}
	return p
}

// lineRoom returns how many may be let in now. A time further ahead than one start comes from a slower pace, which has
// ended.
func lineRoom(p campus.RushPolicy, now pace, at time.Time, limit int) int {
	ahead := now.NextAt.Sub(at)
	if ahead > 0 && ahead.Seconds() <= 1/p.StartsPerSecond {
		return 0
	}
	saved := min(max(-ahead, 0), paceBurst).Seconds()
	return min(limit, admitAtOnce, 1+int(saved*p.StartsPerSecond), p.Backlog-now.Busy)
}

// backlogSQL is how many applications wait for their workflow's start, for the engine or for the school; what is far
// above @most is not counted to its end.
const backlogSQL = `(select count(*) from (select 1 from outbox where kind = 'start' limit @most) o)
		+ (select count(*) from (select 1 from cases where closed_at is null and waits_for in ('engine', 'school')
			and stage <> 'queued' and kind = @kind limit @most) c)`

// keepPace notes when the next one may come, and measures how fast the line moves while somebody is left in it.
func keepPace(t db.Tx, p campus.RushPolicy, now pace, taken, room int) error {
	if taken == 0 {
		return nil
	}
	next := now.NextAt
	if earliest := t.Now.Add(-paceBurst); next.Before(earliest) {
		next = earliest
	} else if next.After(t.Now) {
		next = t.Now
	}
	now.NextAt = next.Add(time.Duration(float64(taken) / p.StartsPerSecond * float64(time.Second)))
	switch span := t.Now.Sub(now.BeganAt); {
	case taken < room || span > 2*paceSpan: // nobody is left, or nobody was let in for long
		now.BeganAt, now.LetIn = t.Now, 0
	case span >= paceSpan:
		measured := float64(now.LetIn+taken) / span.Seconds()
		now.PerSecond, now.BeganAt, now.LetIn = &measured, t.Now, 0
	default:
		now.LetIn += taken
	}
	return t.Exec(`update line_pace set next_at = ?, began_at = ?, let_in = ?, per_second = ?`,
		now.NextAt, now.BeganAt, now.LetIn, now.PerSecond).Error
}

// LinePlace tells where an application stands; nil when it is not in the line. The estimate counts those ahead in its
// own line and as many of each other university's, and goes by how fast the line moved last, at most as fast as the
// policy has it. While nobody is let in, as in an outage, there is none.
func (s *Store) LinePlace(ctx context.Context, p campus.RushPolicy, id uuid.UUID) (*campus.LinePlace, error) {
	var seen struct {
		Own       int
		Others    int
		PerSecond *float64
		Stands    bool
	}
	found := s.Read(ctx).Raw(`with mine as (select * from line where case_id = @id),
			own as (select count(*) as n from line l, mine m where l.university = m.university and (l.place, l.case_id) < (m.place, m.case_id))
		select own.n as own, (select per_second from line_pace where began_at > cast(@now as timestamptz) - interval '1 minute') as per_second,
			greatest(mine.place, (select next_at from line_pace)) < @stood as stands,
			coalesce((select sum((select count(*) from (select 1 from line l where l.university = u.code limit own.n) few))
				from universities u where u.code <> mine.university), 0) as others
		from mine, own`, map[string]any{"id": id, "now": s.Now(), "stood": s.Now().Add(-standsAfter)}).Scan(&seen)
	if found.Error != nil || found.RowsAffected == 0 {
		return nil, db.Wrap("find a place in the line", found.Error)
	}
	place := &campus.LinePlace{Position: seen.Own + 1}
	if seen.Stands {
		return place, nil
	}
	rate := p.StartsPerSecond
	if seen.PerSecond != nil && *seen.PerSecond > 0 {
		rate = math.Min(rate, *seen.PerSecond)
	}
	wait := time.Duration(float64(seen.Own+seen.Others) / rate * float64(time.Second))
	place.Estimated = s.Now().Add(wait)
	return place, nil
}
