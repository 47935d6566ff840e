package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/campus"
	"campuscard/deploy/stack"
	"campuscard/deploy/stackstore"
	"campuscard/e2e/client"
	"campuscard/school"
	"campuscard/school/simulator"
	"campuscard/storage"
)

// env is a stack of the bench's own, and the ways into it: as people have them, and past the interface, for preparing
// what is measured and for looking at it.
type env struct {
	stack   *stack.Stack
	env     map[string]string
	pool    *pgxpool.Pool // of the owner, who may truncate
	store   *storage.Store
	api     *client.Client
	school  *client.School
	systems *school.Systems
}

const never = int(365 * 24 * time.Hour / time.Millisecond)

// openEnv starts a stack with the product's own policy and so many people, or some parts of it, and keeps the bureau
// from finishing any card: its call-backs would come at any moment of a measurement.
func openEnv(ctx context.Context, opts stack.Options, people int, log io.Writer, parts ...stack.Part) (h *env,
	err error) {
	opts.Policy, opts.Log = "deploy/policy.yaml", log
	opts.Env = map[string]string{"SIMULATOR_PEOPLE": strconv.Itoa(people)}
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
	if err := h.stack.Up(ctx, parts...); err != nil {
		return h, err
	}
	h.env = h.stack.Env()
	if h.pool, err = pgxpool.New(ctx, h.env["DATABASE_OWNER_URL"]); err != nil {
		return h, fmt.Errorf("open the database: %w", err)
	}
	if h.store, err = stackstore.Open(ctx, h.env); err != nil {
		return h, err
	}
	if h.systems, err = openSchool(h.env); err != nil {
		return h, err
	}
	h.api = client.New("http://"+h.env["API_ADDRESS"], campus.English, 0)
	h.school = client.NewSchool(h.env["SCHOOL_URL"], 0)
	return h, h.school.SetBureau(ctx, simulator.BureauSettings{ProduceMS: never, ShipMS: never, DeliverMS: never})
}

func openSchool(env map[string]string) (*school.Systems, error) {
	return school.New(school.Config{
		BaseURL: env["SCHOOL_URL"], APIKey: env["SCHOOL_API_KEY"], SMTPAddress: env["SMTP_ADDRESS"],
		MailFrom: "card@campus.example",
	})
}

// close ends the stack and deletes its data.
func (h *env) close(keep bool) error {
	if h == nil {
		return nil
	}
	if h.store != nil {
		h.store.Close()
	}
	if h.pool != nil {
		h.pool.Close()
	}
	if keep {
		fmt.Fprintln(os.Stderr, "bench: the stack stays; make reset with its STACK and PORT_BASE deletes it")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return h.stack.Reset(ctx)
}
