package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/campus"
	"campuscard/deploy/stack"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
	"campuscard/school/simulator"
)

// env is the stack that suffers, and the ways into it.
type env struct {
	stack   *stack.Stack
	pool    *pgxpool.Pool
	school  *client.School
	cashier *client.Tills
	world   *story.World
	books   *story.World // of finance

	witness witness // of all that was answered
}

// patience is how long a request with an unclear outcome is repeated; a hang and what follows it must fit in.
const patience = 2 * time.Minute

// openEnv starts a stack for a crowd. Its rosters are short, because each restart imports them again: ten people for
// one who applies leave enough to choose from.
func openEnv(ctx context.Context, opts stack.Options, crowd int) (h *env, err error) {
	opts.Env = map[string]string{"SIMULATOR_PEOPLE": strconv.Itoa(10 * max(crowd, 100))}
	h = &env{}
	if h.stack, err = stack.Open(ctx, opts); err != nil {
		return nil, err
	}
	if err := h.stack.Reset(ctx); err != nil { // what an interrupted run left
		return nil, err
	}
	if h.stack, err = stack.Open(ctx, opts); err != nil { // its secrets are gone, too
		return nil, err
	}
	if err := h.stack.Up(ctx); err != nil {
		return h, err
	}
	env := h.stack.Env()
	if h.pool, err = pgxpool.New(ctx, env["DATABASE_URL"]); err != nil {
		return h, fmt.Errorf("open the database: %w", err)
	}
	h.school = client.NewSchool(env["SCHOOL_URL"], patience)
	h.cashier = client.NewTills("http://" + env["TERMINAL_ADDRESS"])
	world := story.Config{
		API: "http://" + env["API_ADDRESS"], School: env["SCHOOL_URL"],
		StaffPassword: env["SEED_STAFF_PASSWORD"], KioskKey: env["SEED_KIOSK_KEY"],
		Language: campus.English, Patience: patience, Limit: 4 * time.Minute, Tell: func(string) {},
		Watch: h.witness.hears(kindOf),
	}
	h.world = story.New(world)
	world.Watch = h.witness.hears(financeKind)
	h.books = story.New(world)
	return h, nil
}

// flaky has a part of all calls of the systems fail, before or after they had their effect.
func (h *env) flaky(ctx context.Context, rate float64) error {
	for _, system := range []string{
		"academic", "carrier", "face", "access", "library", "canteen", "bureau", "sms", "wallet", "bank",
	} {
		if err := h.school.Break(ctx, simulator.Fault{System: system, Mode: "flaky", Rate: rate}); err != nil {
			return err
		}
	}
	return nil
}

// close ends the stack and deletes its data.
func (h *env) close(keep bool) error {
	if h == nil {
		return nil
	}
	if h.pool != nil {
		h.pool.Close()
	}
	if keep {
		fmt.Fprintln(os.Stderr, "chaos: the stack stays; make reset with its STACK and PORT_BASE deletes it")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return h.stack.Reset(ctx)
}
