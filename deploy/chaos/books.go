package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
	"campuscard/school"
	"campuscard/school/simulator"
)

const (
	booksPause = 4 * time.Second
	booksOld   = 2 // days: so many a worker closes by itself before finance closes today
	atATime    = 20
)

// bookkeeper are those who close the days of a university, decide about appeals and have merchants paid, while
// processes die. They send each change once, and look again.
type bookkeeper struct {
	*shop
	at       string
	dice     *rand.Rand
	closesAt time.Time // today's books
	closed   bool

	merchants *client.Staff // speaks for merchants
	finance   []*client.Staff
}

// openBooks signs finance in, and has the books begin some days ago: a worker closes those days. Today's are closed by
// people when a part of the strikes is over, at one university after the other.
func (s *shop) openBooks(ctx context.Context, strikes time.Duration) (keepers []*bookkeeper, err error) {
	if s.most == 0 {
		return nil, nil
	}
	if err := s.ageBooks(ctx); err != nil {
		return nil, fmt.Errorf("have the books begin earlier: %w", err)
	}
	for i, at := range story.Universities() {
		k := &bookkeeper{shop: s, at: at, closesAt: time.Now().Add(strikes * time.Duration(4+3*i) / 10),
			dice: rand.New(rand.NewPCG(s.seed, uint64(4+i)))} //nolint:gosec // reproducible, not secret
		if k.merchants, err = s.books.Staff(ctx, at, "admin"); err != nil {
			return nil, err
		}
		for _, name := range []string{"finance", "finance2"} {
			who, err := s.books.Staff(ctx, at, name)
			if err != nil {
				return nil, err
			}
			k.finance = append(k.finance, who)
		}
		keepers = append(keepers, k)
	}
	return keepers, nil
}

// ageBooks is what nobody but the owner of the database can do.
func (h *env) ageBooks(ctx context.Context) (err error) {
	conn, err := pgx.Connect(ctx, h.stack.Env()["DATABASE_OWNER_URL"])
	if err != nil {
		return errors.New("the owner's database cannot be opened") // the address has a password
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, `update books set opened_at = opened_at - $1 * interval '1 day'`, booksOld)
	return err
}

// keepBooks goes on until ctx ends. What does not succeed is tried again at the next look.
func (s *shop) keepBooks(ctx context.Context, keepers []*bookkeeper) {
	var all errgroup.Group
	for _, k := range keepers {
		all.Go(func() error {
			for client.Sleep(ctx, booksPause) == nil {
				limited, cancel := context.WithTimeout(ctx, actTime)
				k.round(limited)
				cancel()
			}
			return nil
		})
	}
	_ = all.Wait() // nothing goes wrong here that is not looked at in the end
}

func (k *bookkeeper) round(ctx context.Context) {
	if !k.closed && time.Now().After(k.closesAt) {
		k.closesToday(ctx)
	}
	k.signs(ctx)
	k.decides(ctx)
	if k.open() && k.dice.IntN(3) == 0 { // what is asked for later may have no outcome in the end
		k.did("payout file", k.anybody().Ask(ctx, "/api/v1/staff/payout-files", nil, nil))
	}
}

// anybody of finance.
func (k *bookkeeper) anybody() *client.Staff { return k.finance[k.dice.IntN(len(k.finance))] }

func (k *bookkeeper) closesToday(ctx context.Context) {
	k.did("close of today", k.anybody().Ask(ctx, closesPath, nil, nil))
	found, err := k.listCloses(ctx)
	k.closed = err == nil && len(found) > 0 && found[0].Day == campus.DateOf(time.Now())
}

const closesPath = "/api/v1/staff/closes"

func (k *bookkeeper) listCloses(ctx context.Context) ([]story.DayClose, error) {
	var page struct{ Items []story.DayClose }
	err := k.finance[0].See(ctx, closesPath, url.Values{"limit": {strconv.Itoa(atATime)}}, &page)
	return page.Items, err
}

// signs has the days signed that wait for it, and what differs settled before.
func (k *bookkeeper) signs(ctx context.Context) {
	found, err := k.listCloses(ctx)
	if err != nil {
		return
	}
	for _, c := range found {
		if c.Stage != campus.StageSigning {
			continue
		}
		path := closesPath + "/" + c.ID.String()
		if c.Open > 0 {
			k.settlesDifferences(ctx, path)
			continue
		}
		k.did("signature", k.anybody().Ask(ctx, path+"/signature", nil, nil))
	}
}

func (k *bookkeeper) settlesDifferences(ctx context.Context, path string) {
	var page struct {
		Items []struct {
			Number    int
			SettledAt *time.Time `json:"settled_at"`
		}
	}
	if k.finance[0].See(ctx, path+"/differences", url.Values{"limit": {"100"}}, &page) != nil {
		return
	}
	for _, d := range page.Items {
		if d.SettledAt == nil {
			k.did("settlement of a difference", k.anybody().Ask(ctx, path+"/differences/"+strconv.Itoa(d.Number)+"/settlement",
				map[string]string{"note": "looked at"}, nil))
		}
	}
}

// decides has the merchant say something about appeals, and finance decide. Who must not decide is refused.
func (k *bookkeeper) decides(ctx context.Context) {
	for _, turn := range []struct {
		kind   campus.WorkItemKind
		reader *client.Staff
		says   func() (*client.Staff, map[string]any)
	}{
		{campus.AppealAnswerItem, k.merchants, k.saysTheMerchant},
		{campus.AppealItem, k.finance[0], k.saysFinance},
		{campus.AppealSecondItem, k.finance[0], k.saysTheSecond},
	} {
		items, err := turn.reader.WorkItems(ctx, turn.kind, atATime)
		if err != nil {
			continue
		}
		for _, item := range items {
			who, body := turn.says()
			k.did("decision about an appeal", who.Ask(ctx, "/api/v1/staff/work-items/"+item.ID.String()+"/decision", body, nil))
		}
	}
}

func (k *bookkeeper) saysTheMerchant() (*client.Staff, map[string]any) {
	if k.dice.IntN(3) == 0 {
		return k.merchants, map[string]any{"action": campus.AgreeAppeal}
	}
	return k.merchants, map[string]any{"action": campus.ContestAppeal, "reason": "amount_right"}
}

func (k *bookkeeper) saysFinance() (*client.Staff, map[string]any) {
	switch k.dice.IntN(3) {
	case 0:
		return k.anybody(), map[string]any{"action": campus.RefundNothing, "reason": "appeal_not_proven"}
	case 1:
		return k.anybody(), map[string]any{"action": campus.RefundPart, "reason": "appeal_proven", "amount_cents": 1}
	}
	return k.anybody(), map[string]any{"action": campus.RefundAll, "reason": "appeal_proven"}
}

func (k *bookkeeper) saysTheSecond() (*client.Staff, map[string]any) {
	if k.dice.IntN(4) == 0 {
		return k.anybody(), map[string]any{"action": campus.SendBack}
	}
	return k.anybody(), map[string]any{"action": campus.ConfirmVerdict}
}

// setsBank changes how the bank pays merchants, and ends what it has left open. Now and then what was paid bounces.
func (s *shop) setsBank(ctx context.Context, dice *rand.Rand) {
	lines := []string{school.PayoutPaid, school.PayoutProcessing, school.PayoutBounced}
	set := simulator.PayoutSettings{Lines: lines[dice.IntN(len(lines))], Repeated: dice.IntN(3) == 0, Refused: dice.IntN(6) == 0}
	s.did("bank: "+set.Lines, s.school.SetPayouts(ctx, set))
	s.did("bank: payouts ended", s.endPayouts(ctx, func() bool { return dice.IntN(4) == 0 }))
}

// endPayouts has the bank end what it has left open: it is paid, or bounces. So does some of what it has paid.
func (s *shop) endPayouts(ctx context.Context, bounces func() bool) error {
	files, err := s.school.BankFiles(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		for _, line := range f.State.Lines {
			state := school.PayoutPaid
			if bounces() {
				state = school.PayoutBounced
			}
			if line.State == school.PayoutBounced || line.State == state {
				continue
			}
			if err := s.school.EndPayout(ctx, f.University,
				simulator.PayoutAct{File: f.File.File, Line: line.Line, State: state}); err != nil {
				return err
			}
		}
	}
	return nil
}
