package story

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator/till"
)

const (
	closesPath  = "/api/v1/staff/closes"
	payoutsPath = "/api/v1/staff/payout-files"
)

// DayClose is the close of a day as finance sees it.
type DayClose struct {
	ID          uuid.UUID
	Day         campus.Date
	Stage       campus.Stage
	Outcome     campus.Outcome
	Differences int        `json:"differences"`
	Open        int        `json:"open_differences"`
	Silent      int        `json:"tills_silent"`
	Report      bool       `json:"report"`
	ClosedAt    *time.Time `json:"closed_at"`
	SignedAt    *time.Time `json:"signed_at"`
}

// closesTheDay has finance close today's books, look whether they come to zero, settle what differs, and sign; then the
// bank pays the canteen (L3, L8). A day is closed once: who comes after an earlier story of the day finds it closed,
// and what was paid since is of tomorrow.
func (s *storyRun) closesTheDay(ctx context.Context) error {
	finance, err := s.staff(ctx, university, "finance")
	if err != nil {
		return err
	}
	day, first, err := s.todaysClose(ctx, finance)
	if err != nil {
		return err
	}
	if !first {
		s.say("%s 的账目已由先前的故事关账；此后的交易记入次日",
			"the books of %s were closed by an earlier story; what is paid since is of the day after", day.Day)
		return nil
	}
	if err := s.until(ctx, func() error { return s.purse.till.Beat(ctx, till.Fault{}) }); err != nil {
		return fmt.Errorf("the till does not say that all was sent: %w", err)
	}
	if day, err = s.signsTheDay(ctx, finance, day.ID); err != nil {
		return err
	}
	sum, err := comesToZero(ctx, finance, day.Day)
	if err != nil {
		return err
	}
	s.say("财务关账 %s：借贷各 %s 元，差额为零；渠道文件差异 %d 项，签字完成",
		"finance closes %s: %s yuan on both sides, which is zero; %d differences with the channels; it is signed",
		day.Day, sum, day.Differences)
	return s.isPaidOut(ctx, finance, day.ID)
}

// todaysClose opens the close of today, once the books of the days before are closed; first tells that nobody had.
func (s *storyRun) todaysClose(ctx context.Context, finance *client.Staff) (day DayClose, first bool, err error) {
	err = s.await(ctx, "close of today", func(ctx context.Context) (bool, string, error) {
		err := finance.Ask(ctx, closesPath, nil, &day)
		if first = err == nil; refusedFor(err, "close_not_due") == nil {
			day, err = newestClose(ctx, finance)
		}
		return day.Day == campus.DateOf(time.Now()), fmt.Sprintf("the newest is of %s", day.Day), err
	})
	return day, first, err
}

func newestClose(ctx context.Context, finance *client.Staff) (DayClose, error) {
	var page struct{ Items []DayClose }
	err := finance.See(ctx, closesPath, url.Values{"limit": {"1"}}, &page)
	if err != nil || len(page.Items) == 0 {
		return DayClose{}, errors.Join(err, errors.New("no day was ever closed"))
	}
	return page.Items[0], nil
}

// signsTheDay waits until a day is to be signed, and signs it.
func (s *storyRun) signsTheDay(ctx context.Context, finance *client.Staff, id uuid.UUID) (day DayClose, err error) {
	path := closesPath + "/" + id.String()
	look := func(stage campus.Stage) error {
		return s.await(ctx, "stage "+string(stage), func(ctx context.Context) (bool, string, error) {
			err := finance.See(ctx, path, nil, &day)
			return day.Stage == stage, fmt.Sprintf("it stands at %s", day.Stage), err
		})
	}
	if err := look(campus.StageSigning); err != nil {
		return day, err
	}
	if !day.Report {
		return day, fmt.Errorf("the close of %s has no report", day.Day)
	}
	if err := settleDifferences(ctx, finance, path); err != nil {
		return day, err
	}
	if err := finance.Ask(ctx, path+"/signature", nil, nil); err != nil {
		return day, err
	}
	if err := look(campus.StageDone); err != nil {
		return day, err
	}
	if day.SignedAt == nil || day.Outcome != campus.Completed {
		return day, fmt.Errorf("the close of %s has ended as %s, and nobody has signed", day.Day, day.Outcome)
	}
	return day, nil
}

// settleDifferences says of each line on which a channel and we differ that it was looked at.
func settleDifferences(ctx context.Context, finance *client.Staff, path string) error {
	for query := (url.Values{"limit": {"100"}}); ; {
		var page struct {
			Items []struct {
				Number    int
				SettledAt *time.Time `json:"settled_at"`
			}
			NextCursor string `json:"next_cursor"`
		}
		if err := finance.See(ctx, path+"/differences", query, &page); err != nil {
			return err
		}
		for _, d := range page.Items {
			if d.SettledAt != nil {
				continue
			}
			if err := finance.Ask(ctx, path+"/differences/"+strconv.Itoa(d.Number)+"/settlement",
				map[string]string{"note": "已与渠道核对"}, nil); err != nil {
				return err
			}
		}
		if page.NextCursor == "" {
			return nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// comesToZero checks that the voucher of a day has the same on both sides, and returns how much that is.
func comesToZero(ctx context.Context, finance *client.Staff, day campus.Date) (sum string, err error) {
	var file []byte
	if err := finance.See(ctx, "/api/v1/staff/books/"+day.String()+"/voucher", nil, &file); err != nil {
		return "", err
	}
	table := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff"))))
	table.FieldsPerRecord = -1
	rows, err := table.ReadAll()
	if err != nil {
		return "", fmt.Errorf("read the voucher of %s: %w", day, err)
	}
	last := rows[len(rows)-1]
	if len(last) != 4 || last[2] != last[3] {
		return "", fmt.Errorf("the voucher of %s does not come to zero: %q", day, last)
	}
	return last[2], nil
}

// payoutFile is a file of payouts as finance sees it.
type payoutFile struct {
	ID      uuid.UUID
	Payouts []struct {
		Merchant uuid.UUID
		Cents    int64 `json:"amount_cents"`
		State    campus.PayoutState
	}
}

// isPaidOut has the bank pay the canteen what its settlement says.
func (s *storyRun) isPaidOut(ctx context.Context, finance *client.Staff, day uuid.UUID) error {
	due, err := s.isDue(ctx, finance, day)
	if err != nil {
		return err
	}
	err = finance.Ask(ctx, payoutsPath, nil, nil)
	if err != nil && refusedFor(err, "nothing_due") != nil { // else a worker was faster
		return err
	}
	err = s.await(ctx, "payout", func(ctx context.Context) (bool, string, error) {
		paid, state, err := s.paidOut(ctx, finance)
		if state == campus.PayoutPaid && paid != due {
			err = errors.Join(err, fmt.Errorf("the bank has paid %d fen of %d", paid, due))
		}
		return state == campus.PayoutPaid, fmt.Sprintf("it is %q", state), err
	})
	if err != nil {
		return err
	}
	s.say("银行付给食堂 %s 元，与结算单一致", "the bank pays the canteen %s yuan, as its settlement says", yuan(due))
	return nil
}

// isDue is what the settlement of a day says that the story's merchant is due.
func (s *storyRun) isDue(ctx context.Context, finance *client.Staff, day uuid.UUID) (cents int64, err error) {
	query := url.Values{"limit": {"100"}}
	for {
		var page struct {
			Items []struct {
				Merchant uuid.UUID
				Due      int64 `json:"due_cents"`
			}
			NextCursor string `json:"next_cursor"`
		}
		if err := finance.See(ctx, closesPath+"/"+day.String()+"/settlements", query, &page); err != nil {
			return 0, err
		}
		for _, m := range page.Items {
			if m.Merchant == s.purse.merchant {
				return m.Due, nil
			}
		}
		if page.NextCursor == "" {
			return 0, errors.New("the canteen was not settled")
		}
		query.Set("cursor", page.NextCursor)
	}
}

// paidOut looks in the newest files what the story's merchant was paid.
func (s *storyRun) paidOut(ctx context.Context, finance *client.Staff) (cents int64, state campus.PayoutState, err error) {
	var page struct{ Items []struct{ ID uuid.UUID } }
	if err := finance.See(ctx, payoutsPath, nil, &page); err != nil {
		return 0, "", err
	}
	for _, found := range page.Items {
		var f payoutFile
		if err := finance.See(ctx, payoutsPath+"/"+found.ID.String(), nil, &f); err != nil {
			return 0, "", err
		}
		for _, p := range f.Payouts {
			if p.Merchant == s.purse.merchant {
				return p.Cents, p.State, nil
			}
		}
	}
	return 0, "", nil
}
