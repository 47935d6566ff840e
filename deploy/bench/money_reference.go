package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"campuscard/api/core"
	"campuscard/campus"
)

// moneyReferenceCommand serves what payments are compared with: what a school would write by hand for them. It reads
// the same request with the same libraries, checks the till's signature, and pays in one statement, which checks
// balance, limit and key. It believes the code to name the card: no signature of the phone, no count, no holds, no
// subsidy, no split of the purses, no numbers, no kept refusal.
type moneyReferenceCommand struct {
	Address     string `required:"" help:"Where to listen."`
	Pool        int32  `required:"" help:"How many connections."`
	DatabaseURL string `env:"DATABASE_OWNER_URL" required:""`
}

const createMoneyReference = `
create table bench_cards (
	card        uuid primary key,
	cents       bigint not null check (cents >= 0),
	limit_cents bigint not null,
	day         date not null default '2000-01-01',
	spent_cents bigint not null default 0
) with (fillfactor = 70);
create table bench_tills (id uuid primary key, secret bytea not null, merchant uuid not null);
create table bench_payments (
	id          uuid primary key,
	till        uuid not null,
	key         text not null,
	card        uuid not null,
	merchant    uuid not null,
	cents       bigint not null check (cents > 0),
	taken_at    timestamptz not null,
	at          timestamptz not null,
	cents_after bigint not null,
	left_cents  bigint not null,
	unique (till, key)
);
create index on bench_payments (card, at)`

const payReference = `with paid as (
	update bench_cards set cents = cents - $2, day = $3, spent_cents = case when day = $3 then spent_cents else 0 end + $2
	where card = $1 and cents >= $2 and case when day = $3 then spent_cents else 0 end + $2 <= limit_cents
	returning cents, limit_cents - spent_cents as left_cents
)
insert into bench_payments (id, till, key, card, merchant, cents, taken_at, at, cents_after, left_cents)
select $4, $5, $6, $1, $7, $2, $8, $9, cents, left_cents from paid returning id, cents_after, left_cents, at`

const againReference = `select id, cents_after, left_cents, at from bench_payments
	where till = $1 and key = $2 and card = $3 and cents = $4`

// Run implements kong's command.
func (c *moneyReferenceCommand) Run(ctx context.Context) error {
	cfg, err := pgxpool.ParseConfig(c.DatabaseURL)
	if err != nil {
		return errors.New("DATABASE_OWNER_URL cannot be read")
	}
	cfg.MaxConns = c.Pool
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	r := &moneyReference{pool: pool, tills: map[string]referenceTill{}}
	rows, err := pool.Query(ctx, `select id, secret, merchant from bench_tills`)
	if err != nil {
		return err
	}
	tills, err := pgx.CollectRows(rows, pgx.RowToStructByPos[referenceTill])
	if err != nil {
		return err
	}
	for _, t := range tills {
		r.tills[t.ID.String()] = t
	}
	return serveUntil(ctx, c.Address, r.handler())
}

type referenceTill struct {
	ID       uuid.UUID
	Secret   []byte
	Merchant uuid.UUID
}

type moneyReference struct {
	pool  *pgxpool.Pool
	tills map[string]referenceTill
}

type referencePayment struct {
	Body struct {
		Key         string    `json:"key" minLength:"1" maxLength:"100"`
		AmountCents int64     `json:"amount_cents" minimum:"1" maximum:"2000000000"`
		TakenAt     time.Time `json:"taken_at"`
		Code        string    `json:"code" minLength:"1" maxLength:"200"`
	}
}

type referenceAnswer struct {
	Body struct {
		Key          string    `json:"key"`
		Outcome      string    `json:"outcome"`
		Transfer     uuid.UUID `json:"transfer,omitzero"`
		BalanceCents int64     `json:"balance_cents"`
		LeftCents    int64     `json:"left_cents"`
		At           time.Time `json:"at"`
	}
}

func (r *moneyReference) handler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
	engine.Use(r.checkTill)
	api := humagin.New(engine, huma.DefaultConfig("reference", "1"))
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: paymentsPath}, r.pay)
	return engine
}

type tillOfRequest struct{}

// checkTill lets through what a till has signed.
func (r *moneyReference) checkTill(c *gin.Context) {
	body, err := io.ReadAll(io.LimitReader(c.Request.Body, 1<<16))
	till, known := r.tills[c.GetHeader(campus.TerminalHeader)]
	stamp := c.GetHeader(core.TimestampHeader)
	given, wrong := hex.DecodeString(c.GetHeader(core.SignatureHeader))
	seconds, late := strconv.ParseInt(stamp, 10, 64)
	if err != nil || wrong != nil || late != nil || !known || time.Since(time.Unix(seconds, 0)).Abs() > 2*time.Minute ||
		!hmac.Equal(given, campus.TerminalSignature(till.Secret, stamp, c.Request.Method, c.Request.URL.RequestURI(), body)) {
		c.AbortWithStatus(http.StatusUnauthorized)
		return
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), tillOfRequest{}, till))
}

func (r *moneyReference) pay(ctx context.Context, in *referencePayment) (*referenceAnswer, error) {
	till, _ := ctx.Value(tillOfRequest{}).(referenceTill)
	code, err := campus.ParsePhoneCode(in.Body.Code)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("not a code")
	}
	out := &referenceAnswer{}
	answer := &out.Body
	answer.Key, answer.Outcome = in.Body.Key, string(campus.Paid)
	now := time.Now()
	into := []any{&answer.Transfer, &answer.BalanceCents, &answer.LeftCents, &answer.At}
	err = r.pool.QueryRow(ctx, payReference, code.Key, in.Body.AmountCents, campus.DateOf(now).Start(), newID(), till.ID,
		in.Body.Key, till.Merchant, in.Body.TakenAt, now).Scan(into...)
	pgErr, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused && pgErr.Code == "23505": // the key was there
		err = r.pool.QueryRow(ctx, againReference, till.ID, in.Body.Key, code.Key, in.Body.AmountCents).Scan(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, huma.Error409Conflict("the key stands for something else")
		}
	case errors.Is(err, pgx.ErrNoRows):
		answer.Outcome, err = "declined", nil
	}
	if err != nil {
		return nil, fmt.Errorf("pay: %w", err)
	}
	return out, nil
}
