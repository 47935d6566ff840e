package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/deploy/stack"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
	"campuscard/school"
	"campuscard/school/simulator"
	"campuscard/school/simulator/till"
)

const (
	tillsEach  = 2                // at each university, of a merchant each
	actTime    = 45 * time.Second // the most that one act of a payer takes: a cashier waits no longer
	leastPause = 6 * time.Second  // of a payer, between two acts
	mostPause  = 12 * time.Second
	moodPause  = 10 * time.Second // of the channel
	sendPause  = 8 * time.Second  // of the tills, between two uploads
	sendTries  = 30               // in the morning
)

// shop is where cards are topped up and pay while processes die: tills at both universities, a wallet, and the bank
// that pays merchants.
type shop struct {
	*env
	seed  uint64
	most  int                  // payers
	tills map[string][]string  // names, by university
	ids   map[string]uuid.UUID // of tills, by name

	closing chan struct{}
	group   errgroup.Group

	mu     sync.Mutex
	asked  time.Time // when somebody has asked for a top-up last
	inside int
	closed bool
	acts   map[string]int // what payers did, and how it went
}

// openShop takes merchants on and enrols their tills. Nothing has been struck yet.
func (h *env) openShop(ctx context.Context, seed uint64, most int) (*shop, error) {
	s := &shop{env: h, seed: seed, most: most, tills: map[string][]string{}, ids: map[string]uuid.UUID{},
		closing: make(chan struct{}), acts: map[string]int{}}
	if most == 0 {
		return s, nil
	}
	for _, at := range story.Universities() {
		for n := range tillsEach {
			made, err := h.books.NewTill(ctx, at, fmt.Sprintf("食堂 %d", n+1), fmt.Sprintf("Canteen %d", n+1))
			if err != nil {
				return nil, fmt.Errorf("open a canteen: %w", err)
			}
			name := fmt.Sprintf("%s-%d", at, n+1)
			if err := h.cashier.Enrol(ctx, name, made.ID, made.Code); err != nil {
				return nil, fmt.Errorf("enrol till %s: %w", name, err)
			}
			s.tills[at], s.ids[name] = append(s.tills[at], name), made.ID
		}
	}
	s.group.Go(func() error { s.runWallet(ctx); return nil })
	s.group.Go(func() error { s.runUploads(ctx); return nil })
	return s, nil
}

// welcome has somebody who has their card pay until the shop closes, unless there are enough of them.
func (s *shop) welcome(ctx context.Context, student *client.Student) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.inside == s.most {
		return
	}
	dearest := []int64{5_00, 20_00, 45_00} // E2: some come to the limit of the day, some never
	p := &payer{shop: s, student: student, dearest: dearest[s.inside%len(dearest)],
		dice: rand.New(rand.NewPCG(s.seed, uint64(10+s.inside)))} //nolint:gosec // reproducible, not secret
	s.inside++
	s.group.Go(func() error { p.spend(ctx); return nil })
}

// shut ends all acts, waits for those under way, and has the wallet and the bank do what they were asked for from now
// on.
func (s *shop) shut(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	if err := s.group.Wait(); err != nil || s.most == 0 {
		return err
	}
	never := func() bool { return false }
	if err := errors.Join(s.school.SetPayouts(ctx, simulator.PayoutSettings{}), s.endPayouts(ctx, never)); err != nil {
		return fmt.Errorf("calm the bank: %w", err)
	}
	if err := s.school.SetWallet(ctx, simulator.WalletSettings{Refunds: school.WalletRefunded}); err != nil {
		return fmt.Errorf("calm the wallet: %w", err)
	}
	return s.endRefunds(ctx, never)
}

// open tells whether the shop is.
func (s *shop) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed
}

// asks notes that somebody asks for a top-up.
func (s *shop) asks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Now()
}

// looked is when the channel has been asked for the last time about the last top-up.
func (s *shop) looked() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked.Add(orderLife + lookFor + actTime/3)
}

// morning opens the tills anew: they take back what they had begun and never printed.
func (s *shop) morning(ctx context.Context) error {
	if s.most == 0 {
		return nil
	}
	if _, err := s.stack.Kill(stack.Terminal); err != nil {
		return err
	}
	if err := s.stack.Up(ctx, stack.Terminal); err != nil {
		return fmt.Errorf("open the tills in the morning: %w", err)
	}
	for name := range s.ids {
		if err := s.sendsAll(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// runUploads has a till now and then send what it has sold without network, in one of many ways.
func (s *shop) runUploads(ctx context.Context) {
	dice := rand.New(rand.NewPCG(s.seed, 3)) //nolint:gosec // reproducible, not secret
	names := slices.Sorted(maps.Keys(s.ids))
	for s.pause(ctx, sendPause) {
		fault := till.Fault{Few: dice.IntN(2) == 0, Regroup: dice.IntN(2) == 0, Twice: dice.IntN(2) == 0, Gap: dice.IntN(6) == 0}
		if dice.IntN(5) == 0 {
			fault.LoseAnswers = 1
		}
		limited, cancel := context.WithTimeout(ctx, actTime)
		s.did("upload", s.cashier.Upload(limited, names[dice.IntN(len(names))], fault))
		cancel()
	}
}

// sendsAll has a till send all that is left. Nothing is struck any more.
func (s *shop) sendsAll(ctx context.Context, name string) (err error) {
	for range sendTries {
		if err = s.cashier.Upload(ctx, name, till.Fault{}); err == nil {
			return nil
		}
		if err := client.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("send what till %s has sold without network: %w", name, err)
}

// did counts what a payer did, and whether it went as they wanted.
func (s *shop) did(what string, err error) {
	if err != nil {
		what += " in vain"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acts[what]++
}

// pause waits, and tells whether the shop is still open.
func (s *shop) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closing:
	case <-ctx.Done():
	}
	return false
}

// runWallet changes now and then how the wallet pays back and the bank pays out, and ends what they have left open.
func (s *shop) runWallet(ctx context.Context) {
	moods := []string{school.WalletRefunded, school.WalletProcessing, school.WalletFailed, "refused"}
	dice := rand.New(rand.NewPCG(s.seed, 2)) //nolint:gosec // reproducible, not secret
	for s.pause(ctx, moodPause) {
		mood := moods[dice.IntN(len(moods))]
		s.did("wallet: "+mood, s.school.SetWallet(ctx, simulator.WalletSettings{Refunds: mood}))
		s.did("wallet: refunds ended", s.endRefunds(ctx, func() bool { return dice.IntN(3) == 0 }))
		s.setsBank(ctx, dice)
	}
}

// endRefunds ends the refunds that the wallet has left open.
func (s *shop) endRefunds(ctx context.Context, fails func() bool) error {
	refunds, err := s.school.WalletRefunds(ctx)
	if err != nil {
		return err
	}
	for _, r := range refunds {
		if r.State.State != school.WalletProcessing {
			continue
		}
		if err := s.school.ActAtWallet(ctx, r.University, "refunds",
			simulator.WalletAct{Refund: r.Refund.Refund, Failed: fails()}); err != nil {
			return err
		}
	}
	return nil
}
