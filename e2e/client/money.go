package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Account is what a holder's card can pay with.
type Account struct {
	MainCents  int64  `json:"main_cents"`
	LimitCents int64  `json:"limit_cents"`
	SpentCents int64  `json:"spent_cents"`
	Pays       bool   `json:"pays"`
	Reason     string `json:"reason"`
}

// Account reads what the card can pay with.
func (s *Student) Account(ctx context.Context) (a Account, err error) {
	return a, s.client.do(ctx, get(s.token, "/api/v1/me/account", nil), &a)
}

// SetLimit changes the daily limit.
func (s *Student) SetLimit(ctx context.Context, cents int64) error {
	return s.client.put(ctx, s.token, "/api/v1/me/account/limit", map[string]int64{"limit_cents": cents})
}

// BeTold has each payment told.
func (s *Student) BeTold(ctx context.Context) error {
	return s.client.put(ctx, s.token, "/api/v1/me/account/notices", map[string]bool{"payments": true})
}

// Entry is a line of a statement.
type Entry struct {
	ID          uuid.UUID           `json:"id"`
	Kind        campus.TransferKind `json:"kind"`
	ChangeCents int64               `json:"change_cents"`
	State       string              `json:"state"`
}

// Statement reads the newest lines of the statement.
func (s *Student) Statement(ctx context.Context) ([]Entry, error) {
	var page struct{ Items []Entry }
	return page.Items, s.client.do(ctx, get(s.token, "/api/v1/me/account/statement", url.Values{"limit": {"100"}}), &page)
}

// Phone is a phone that pays: it makes codes by this machine's clock.
type Phone struct {
	id      uuid.UUID
	shows   string // its certificate
	private *ecdsa.PrivateKey
	last    time.Time
}

// BindPhone has a new phone pay.
func (s *Student) BindPhone(ctx context.Context) (*Phone, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	r, err := send(http.MethodPut, s.token, "/api/v1/me/phone", map[string][]byte{"public_key": public})
	if err != nil {
		return nil, err
	}
	var bound struct {
		ID          uuid.UUID
		Certificate string
	}
	err = s.client.do(ctx, r, &bound)
	return &Phone{id: bound.ID, private: private, shows: bound.Certificate}, err
}

// Code makes a code that was never shown.
func (p *Phone) Code(purpose campus.CodePurpose) (string, error) {
	at := time.Now().Truncate(time.Millisecond)
	if !at.After(p.last) {
		at = p.last.Add(time.Millisecond)
	}
	p.last = at
	code, err := campus.SignPhoneCode(rand.Reader, p.private, p.id, purpose, at)
	if purpose != campus.ToPay {
		return code, err
	}
	return campus.WithCertificate(code, p.shows), err
}

// Scan pays what a till shows.
func (s *Student) Scan(ctx context.Context, code string) (paid bool, err error) {
	var got struct{ Paid bool }
	return got.Paid, s.client.post(ctx, s.token, "/api/v1/me/payments", map[string]string{"code": code}, &got)
}

// TopUp is a top-up by a channel.
type TopUp struct {
	ID    uuid.UUID `json:"id"`
	State string    `json:"state"`
}

// AskTopUp asks a channel for a top-up.
func (s *Student) AskTopUp(ctx context.Context, channel string, cents int64) (t TopUp, err error) {
	return t, s.client.post(ctx, s.token, "/api/v1/me/topups", map[string]any{"channel": channel, "amount_cents": cents}, &t)
}

// TopUp reads how far a top-up is.
func (s *Student) TopUp(ctx context.Context, id uuid.UUID) (t TopUp, err error) {
	return t, s.client.do(ctx, get(s.token, "/api/v1/me/topups/"+id.String(), nil), &t)
}

// RefundTopUp asks for an amount of a top-up back to where it came from; 0 is all that is left of it.
func (s *Student) RefundTopUp(ctx context.Context, id uuid.UUID, cents int64) error {
	var body any
	if cents != 0 {
		body = map[string]int64{"amount_cents": cents}
	}
	return s.client.post(ctx, s.token, "/api/v1/me/topups/"+id.String()+"/refund", body, nil)
}

// Ask has a member of staff do something by its address, and reads the answer.
func (s *Staff) Ask(ctx context.Context, path string, body, into any) error {
	return s.client.post(ctx, s.token, path, body, into)
}

// See reads something by its address.
func (s *Staff) See(ctx context.Context, path string, query url.Values, into any) error {
	return s.client.do(ctx, get(s.token, path, query), into)
}

// Appeal asks for a payment back.
func (s *Student) Appeal(ctx context.Context, payment uuid.UUID, reason, word string) (uuid.UUID, error) {
	var opened struct{ ID uuid.UUID }
	err := s.client.post(ctx, s.token, "/api/v1/me/payments/"+payment.String()+"/appeal",
		map[string]string{"reason": reason, "word": word}, &opened)
	return opened.ID, err
}

// ObjectAppeal objects to the refusal of an appeal.
func (s *Student) ObjectAppeal(ctx context.Context, appeal uuid.UUID, note string) error {
	return s.client.post(ctx, s.token, "/api/v1/me/appeals/"+appeal.String()+"/objection", map[string]string{"note": note}, nil)
}
