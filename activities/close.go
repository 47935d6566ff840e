package activities

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/money"
)

// ClosePlan is what the close of a day needs to know of its policy.
type ClosePlan struct {
	Close    campus.ClosePolicy
	Contact  campus.Duration // E1: how long a till may go on without network
	Channels []string        // by which cards are topped up, sorted
}

// BeginClose takes the case out of the queue and reads the policy it keeps to its end.
func (a *Activities) BeginClose(ctx context.Context, in BeginCase) (began Began[ClosePlan], err error) {
	c, err := a.store.Money.Close(ctx, in.Move.Case.ID)
	if err != nil {
		return began, err
	}
	policy, err := a.policies.find(ctx, c.Version, in.University)
	if err != nil {
		return began, err
	}
	began.Steps = policy.Steps
	began.Plan = ClosePlan{Close: policy.Money.Close, Contact: policy.Money.Offline.Contact,
		Channels: slices.Sorted(maps.Keys(policy.Money.TopUp.Channels))}
	due := a.store.Now().Add(policy.Money.Close.Tills.Std())
	in.Move.Due = &due
	began.Begun, err = a.store.Casework.Begin(ctx, in.Move)
	return began, err
}

// SilentTills asks which tills a close waits for.
type SilentTills struct {
	Close   uuid.UUID
	Contact time.Duration
}

// CountSilentTills counts the tills that sell without network and have not said that we have all they sold (L8).
func (a *Activities) CountSilentTills(ctx context.Context, in SilentTills) (int, error) {
	c, err := a.store.Money.Close(ctx, in.Close)
	if err != nil {
		return 0, err
	}
	return a.store.Money.SilentTills(ctx, c, in.Contact)
}

// CloseBooks closes the books of a day while so many tills are silent.
type CloseBooks struct {
	Move   campus.Move
	Silent int
}

// CloseBooks closes the books of a day with the move that says so.
func (a *Activities) CloseBooks(ctx context.Context, in CloseBooks) (campus.Moved, error) {
	return a.store.Money.CloseBooks(ctx, in.Move, in.Silent)
}

// Writers are those who may still post to a day whose books are closed.
type Writers struct {
	Since time.Time // a moment of Postgres's after the close had committed; zero: now is one
	Count int
}

// LookForWriters counts whoever may still post to a day whose books are closed (L8).
func (a *Activities) LookForWriters(ctx context.Context, in Writers) (Writers, error) {
	at, writers, err := a.store.Money.Writers(ctx, in.Since)
	return Writers{Since: at, Count: writers}, err
}

// SettleMerchants settles the next merchants of a close.
type SettleMerchants struct {
	Close  uuid.UUID
	Policy campus.ClosePolicy
	After  uuid.UUID
}

const settledAtOnce = 200

// SettleMerchants settles a page of merchants, and answers the last of them; none when all are settled (L3).
func (a *Activities) SettleMerchants(ctx context.Context, in SettleMerchants) (uuid.UUID, error) {
	c, err := a.store.Money.Close(ctx, in.Close)
	if err != nil {
		return uuid.Nil, err
	}
	return a.store.Money.SettlePage(ctx, c, in.Policy, in.After, settledAtOnce)
}

// CompareTills names a close whose tills' journals are compared.
type CompareTills struct{ Close uuid.UUID }

// CompareTills keeps on which sales the journals of tills and we differ (E4).
func (a *Activities) CompareTills(ctx context.Context, in CompareTills) error {
	c, err := a.store.Money.Close(ctx, in.Close)
	if err != nil {
		return err
	}
	return a.store.Money.CompareTills(ctx, c)
}

// CompareChannel compares the file of a channel.
type CompareChannel struct {
	Ref     campus.StepRef
	Channel string
}

// CompareChannel fetches a channel's file of the day, and keeps on which lines it and we differ (L2). So it does with
// the day before, if that was closed before it was over, and with files that earlier closes have gone without. Of those
// one that does not come holds up nobody: the next close asks again.
func (a *Activities) CompareChannel(ctx context.Context, in CompareChannel) error {
	_, err := attempt(ctx, a, in.Ref, func(ctx context.Context) (struct{}, error) {
		c, err := a.store.Money.Close(ctx, in.Ref.Case.ID)
		if err != nil {
			return struct{}{}, err
		}
		days, err := a.store.Money.DaysToCompare(ctx, c, in.Channel)
		if err != nil {
			return struct{}{}, err
		}
		for _, day := range days {
			err := a.compareDay(ctx, c, in.Channel, day.Day)
			if err != nil && day.Missed {
				a.log.WarnContext(ctx, "a file that an earlier close went without", "channel", in.Channel, "day", day.Day, "error", err)
				continue
			}
			if err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// compareDay fetches a channel's file of a day, and has it compared.
func (a *Activities) compareDay(ctx context.Context, c money.Close, channel string, day campus.Date) error {
	var lines []money.ChannelLine
	for more := true; more; {
		page, err := a.school.Wallets.File(ctx, channel, c.University, day, len(lines))
		if err != nil {
			return err
		}
		lines, more = append(lines, channelLines(page.Lines, len(lines))...), page.More
	}
	if err := a.store.Money.KeepChannelLines(ctx, c.University, channel, day, lines); err != nil {
		return err
	}
	return a.store.Money.CompareChannel(ctx, c, channel, day)
}

// channelLines are the lines of a page that comes after so many.
func channelLines(page []school.ChannelFileLine, after int) []money.ChannelLine {
	lines := make([]money.ChannelLine, len(page))
	for i, l := range page {
		lines[i] = money.ChannelLine{Number: after + i + 1, Kind: campus.ChannelLineKind(l.Kind), Ref: l.Ref,
			Cents: l.AmountCents, Currency: l.Currency}
	}
	return lines
}

// ListDifferences names a close whose differences are asked for.
type ListDifferences struct{ Close uuid.UUID }

// OpenDifferences are the numbers of differences that nobody has settled: the first ones.
func (a *Activities) OpenDifferences(ctx context.Context, in ListDifferences) ([]int, error) {
	found, err := a.store.Money.Differences(ctx, in.Close, 0, campus.DifferenceMost)
	numbers := []int{}
	for _, d := range found {
		if d.SettledAt == nil {
			numbers = append(numbers, d.Number)
		}
	}
	return numbers, err
}

// WriteReport writes the report of a close and keeps it (L8).
func (a *Activities) WriteReport(ctx context.Context, ref campus.StepRef) error {
	_, err := attempt(ctx, a, ref, func(ctx context.Context) (struct{}, error) {
		c, err := a.store.Money.Close(ctx, ref.Case.ID)
		if err != nil {
			return struct{}{}, err
		}
		content, err := a.closeReport(ctx, c)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.store.Money.KeepReport(ctx, c, content)
	})
	return err
}

// SettleDifference keeps what a member of staff has found about a difference.
func (a *Activities) SettleDifference(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Money.SettleDifference(ctx, m)
}

// SignClose signs a day.
func (a *Activities) SignClose(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Money.Sign(ctx, m)
}
