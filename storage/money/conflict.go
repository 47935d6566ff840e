package money

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// ChannelConflict is what a channel says that does not fit what it has said before. Nothing is changed by it: people
// ask the channel, and say what they have found.
type ChannelConflict struct {
	ID         uuid.UUID
	University string
	Channel    string
	Subject    campus.ConflictSubject
	Ref        string // the channel's name of the payment, or the id of the refund
	Kept       string // what it has said first, and what we go by
	Said       string // what it says now
	ToldAt     time.Time
	LastAt     time.Time
	Times      int
	SettledAt  *time.Time
	Note       string // what people have found

	SettledByName string
}

const conflictColumns = `select id, university, channel, subject, ref, kept, said, told_at, last_at, times, settled_at, note,
		coalesce((select name from staff where staff.id = channel_conflicts.settled_by), '') as settled_by_name
	from channel_conflicts `

// saidOf is what a channel has told of a payment, as people read it.
func saidOf(p ChannelPayment) string {
	return p.Currency + " " + strconv.FormatInt(p.Cents, 10) + " " + p.OrderRef
}

// contradiction is the error of who says something else than before: Conflict, channel_contradicts.
type contradiction struct{ ChannelConflict }

func (c contradiction) Error() string {
	return fmt.Sprintf("channel %s says something else than before: %s %s", c.Channel, c.Subject, c.Ref)
}

func (c contradiction) Unwrap() error {
	return campus.Errorf(campus.Conflict, campus.ChannelContradicts, "a channel contradicts itself")
}

// refused is refusal, and has people look at a contradiction.
func (s *Store) refused(ctx context.Context, err error) error {
	if c, ok := errors.AsType[contradiction](err); ok {
		return s.keepConflict(ctx, c.ChannelConflict, err)
	}
	return refusal(err)
}

// keepConflict has people look at what contradicts itself, once for each thing that is said, and answers err. It is a
// transaction of its own: that of the contradiction changes nothing.
func (s *Store) keepConflict(ctx context.Context, c ChannelConflict, err error) error {
	kept := s.InTx(ctx, "keep what contradicts itself", func(t db.Tx) error {
		return t.Write(`insert into channel_conflicts (id, university, channel, subject, ref, kept, said, told_at, last_at)
			values (@id, @university, @channel, @subject, @ref, @kept, @said, @now, @now)
			on conflict on constraint channel_conflicts_once do update
				set last_at = excluded.last_at, times = channel_conflicts.times + 1`, map[string]any{
			"id": uuid.Must(uuid.NewV7()), "university": c.University, "channel": c.Channel, "subject": string(c.Subject),
			"ref": c.Ref, "kept": c.Kept, "said": c.Said, "now": t.Now})
	})
	if kept != nil {
		return kept // it is said again, and kept then
	}
	return err
}

// ChannelConflicts are those of a university that nobody has settled, oldest first; after is the last of the page
// before.
func (s *Store) ChannelConflicts(ctx context.Context, university string, after uuid.UUID,
	limit int) ([]ChannelConflict, error) {
	found, err := db.All[ChannelConflict](ctx, s.Reports, conflictColumns+`where university = @university
			and settled_at is null and (cast(@after as uuid) is null or id > @after) order by id limit @limit`,
		map[string]any{"university": university, "after": casework.Nullable(after), "limit": limit})
	return found, db.Wrap("list what contradicts itself", err)
}

// SettleConflict keeps what people have found about a contradiction; it is not listed any more. NotFound:
// conflict_unknown. Conflict: conflict_settled.
func (s *Store) SettleConflict(ctx context.Context, req casework.Request, who campus.StaffMember, id uuid.UUID,
	note string) (ChannelConflict, error) {
	return casework.Once(ctx, s.casework, "settle a contradiction", req, func(t db.Tx) (c ChannelConflict, err error) {
		err = t.Ask(conflictColumns+`where id = @id and university = @university for update`,
			map[string]any{"id": id, "university": who.University}).Scan(&c.ID, &c.University, &c.Channel, &c.Subject, &c.Ref,
			&c.Kept, &c.Said, &c.ToldAt, &c.LastAt, &c.Times, &c.SettledAt, &c.Note,
			&c.SettledByName)
		if err = absent(err, "conflict_unknown", "no such contradiction"); err != nil {
			return c, err
		}
		if c.SettledAt != nil {
			return c, campus.Errorf(campus.Conflict, "conflict_settled", "contradiction %s is settled", id)
		}
		c.SettledAt, c.Note, c.SettledByName = &t.Now, note, who.Name
		if err := t.Write(`update channel_conflicts set settled_at = @now, settled_by = @by, note = @note where id = @id`,
			map[string]any{"id": id, "now": t.Now, "by": who.ID, "note": note}); err != nil {
			return c, err
		}
		return c, casework.AddAudit(t, req.Actor, "topup.settle_conflict", "channel_conflict/"+id.String(), c.University)
	})
}
