package doctor

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"campuscard/campus"
)

func (d *doctor) lookAtOutbox(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.Outbox.Oldest)
	seen := values{"rows": strconv.Itoa(figures.Outbox.Rows), "failing": strconv.Itoa(figures.Outbox.Failing),
		"time": span(waits)}
	switch {
	case figures.Outbox.Failing > 0:
		return fail("outbox.failing", seen)
	case waits > d.watch().OutboxAge.Std():
		return warn("outbox.old", seen)
	}
	return well("outbox.fine", seen)
}

// lookAtQueued looks for cases that no workflow has taken up.
func (d *doctor) lookAtQueued(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	count, waits := 0, time.Duration(0)
	for _, c := range figures.Cases {
		if c.Stage == campus.StageQueued {
			count, waits = count+c.Open, max(waits, age(figures.At, &c.Oldest))
		}
	}
	seen := values{"count": strconv.Itoa(count), "time": span(waits)}
	if waits > d.watch().QueuedAge.Std() {
		return warn("queued.old", seen)
	}
	return well("queued.fine", seen)
}

// lookAtDecisions looks for decisions that no workflow has carried out or refused.
func (d *doctor) lookAtDecisions(ctx context.Context) []Finding {
	late, err := d.store.Casework.LateDecisions(ctx, d.watch().DecisionAge.Std())
	if err != nil {
		return broken(err)
	}
	if late.Rows > 0 {
		ids, err := d.store.Casework.LateDecisionCases(ctx, d.watch().DecisionAge.Std(), shown)
		if err != nil {
			return broken(err)
		}
		return warn("decisions.open", values{"count": strconv.Itoa(late.Rows), "time": span(age(d.store.Now(), late.Oldest)),
			"ids": strings.Join(ids, ", ")})
	}
	return well("decisions.fine", values{"time": span(d.watch().DecisionAge.Std())})
}

// lookAtSteps says of every parked step how many wait, why, and since when.
func (d *doctor) lookAtSteps(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	var found []Finding
	for _, p := range figures.Parked {
		waits := age(figures.At, &p.Oldest)
		seen := values{"university": p.University, "step": p.Step, "cause": string(p.Cause), "count": strconv.Itoa(p.Count),
			"time": span(waits)}
		if waits > d.watch().ParkedAge.Std() {
			found = append(found, fail("steps.old", seen)...)
		} else {
			found = append(found, warn("steps.parked", seen)...)
		}
	}
	if len(found) == 0 {
		return well("steps.fine", nil)
	}
	return found
}

func (d *doctor) lookAtNotices(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.Notices.Oldest)
	seen := values{"count": strconv.Itoa(figures.Notices.Rows), "failing": strconv.Itoa(figures.Notices.Failing),
		"time": span(waits)}
	if waits > d.watch().NoticeAge.Std() {
		return warn("notices.old", seen)
	}
	return well("notices.fine", seen)
}

// lookAtTopUps looks for top-ups whose channel does not answer (L2).
func (d *doctor) lookAtTopUps(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.TopUps.Oldest)
	seen := values{"count": strconv.Itoa(figures.TopUps.Rows), "failing": strconv.Itoa(figures.TopUps.Failing),
		"time": span(waits)}
	if waits > d.watch().TopUpAge.Std() {
		return warn("topups.old", seen)
	}
	return well("topups.fine", seen)
}

// lookAtForgotten looks for files that the object store should have deleted (B4).
func (d *doctor) lookAtForgotten(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.Forgotten.Oldest)
	seen := values{"count": strconv.Itoa(figures.Forgotten.Rows), "time": span(waits)}
	if waits > d.watch().ForgottenAge.Std() {
		return warn("forgotten.old", seen)
	}
	return well("forgotten.fine", seen)
}

// lookAtSignIns looks for a wave of wrong entries: somebody tries passwords, or locks people out (F5).
func (d *doctor) lookAtSignIns(ctx context.Context) []Finding {
	window := d.watch().WrongWindow.Std()
	wrong, err := d.store.People.WrongEntries(ctx, window)
	if err != nil {
		return broken(err)
	}
	seen := values{"count": strconv.Itoa(wrong.Entries), "accounts": strconv.Itoa(wrong.Accounts),
		"locked": strconv.Itoa(wrong.Locked),
		"time":   span(window)}
	if wrong.Entries > d.watch().WrongEntries {
		return warn("sign-ins.wave", seen)
	}
	return well("sign-ins.fine", seen)
}

// lookAtAccounts names the accounts that the checker has held (E4).
func (d *doctor) lookAtAccounts(ctx context.Context) []Finding {
	const named = 20
	ids, count, err := d.store.Money.HeldAccounts(ctx, named)
	switch {
	case err != nil:
		return broken(err)
	case count == 0:
		return well("accounts.fine", nil)
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return warn("accounts.held", values{"count": strconv.Itoa(count), "accounts": strings.Join(names, ", ")})
}

// lookAtTills says of each university how many tills at work are silent (L8).
func (d *doctor) lookAtTills(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	silent := map[string]int{}
	for _, t := range figures.Tills {
		if age(figures.At, &t.Seen) > d.policies.For(t.University).Money.Offline.Silent.Std() {
			silent[t.University]++
		}
	}
	var found []Finding
	for _, university := range slices.Sorted(maps.Keys(silent)) {
		found = append(found, warn("tills.silent", values{"university": university,
			"count": strconv.Itoa(silent[university])})...)
	}
	if len(found) == 0 {
		return well("tills.fine", values{"count": strconv.Itoa(len(figures.Tills))})
	}
	return found
}

// lookAtChannels names the channels of top-ups that owe us an answer about refunds for too long, or contradict
// themselves (L2).
func (d *doctor) lookAtChannels(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	var found []Finding
	for _, r := range figures.Refunds {
		if waits := age(figures.At, &r.Oldest); waits > d.policies.For(r.University).Money.TopUp.RefundLate.Std() {
			found = append(found, warn("channels.refunds", values{"university": r.University, "channel": r.Channel,
				"count": strconv.Itoa(r.Count), "time": span(waits)})...)
		}
	}
	for _, c := range figures.Conflicts {
		found = append(found, warn("channels.conflicts", values{"university": c.University, "channel": c.Channel,
			"count": strconv.Itoa(c.Count)})...)
	}
	if len(found) == 0 {
		return well("channels.fine", nil)
	}
	return found
}

// lookAtDays names the universities that close their books too late, or have days that nobody has signed in time (L8).
func (d *doctor) lookAtDays(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	var found []Finding
	unsigned := 0
	for _, day := range figures.Days {
		policy := d.policies.For(day.University).Money.Close
		if late := policy.Overdue(day.Ends, figures.At); late > d.watch().CloseLate.Std() {
			found = append(found, warn("days.late", values{"university": day.University,
				"day": campus.DateOf(day.Ends).AddDays(-1).String(), "time": span(late)})...)
		}
		if waits := age(figures.At, day.ClosedAt); waits > policy.SignWithin.Std() {
			found = append(found, warn("days.unsigned", values{"university": day.University,
				"count": strconv.Itoa(day.Unsigned), "time": span(waits)})...)
		}
		unsigned += day.Unsigned
	}
	if len(found) == 0 {
		return well("days.fine", values{"count": strconv.Itoa(unsigned)})
	}
	return found
}

// lookAtPayouts names the universities whose bank says nothing of payouts to merchants (L3).
func (d *doctor) lookAtPayouts(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	var found []Finding
	waiting := 0
	for _, p := range figures.Payouts {
		if waits := age(figures.At, &p.Oldest); waits > d.policies.For(p.University).Money.Payouts.Late.Std() {
			found = append(found, warn("payouts.late", values{"university": p.University, "count": strconv.Itoa(p.Count),
				"time": span(waits)})...)
		}
		waiting += p.Count
	}
	if len(found) == 0 {
		return well("payouts.fine", values{"count": strconv.Itoa(waiting)})
	}
	return found
}

func age(now time.Time, since *time.Time) time.Duration {
	if since == nil {
		return 0
	}
	return max(0, now.Sub(*since))
}
