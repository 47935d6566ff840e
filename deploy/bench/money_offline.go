package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
)

const (
	offlinePath   = "/api/v1/terminals/offline-sales"
	heartbeatPath = "/api/v1/terminals/heartbeats"
	offlineLot    = 100 // sales in a call: the most that one may have
)

// offlineUpload measures sales without network that come, by as many tills as those that pay online, each with calls of
// the largest size and a heartbeat after each. Both are counted in sales.
func (b *moneyBench) offlineUpload(ctx context.Context) ([]result, error) {
	l := b.closed(min(64, b.Tills)) // each client is a till of its own
	rounds, err := b.turns(ctx, newSide("ours, online", b.shop, l, b.shop.pay), newSide("ours, offline", b.shop, l, b.shop.upload))
	if err != nil {
		return nil, err
	}
	for i := range rounds[1] {
		rounds[1][i].done *= offlineLot
	}
	return []result{figure("offline_upload", "sales/s", rounds[1], rounds[0], round.rate)}, nil
}

// upload has a till send a lot of sales that it has made just now, and say that it has no others.
func (s *shop) upload(l *line, client int) error {
	at := s.tills[client%len(s.tills)]
	if s.sequences[client] == 0 { // it has to be heard of before it may sell
		if err := s.beat(l, at, 0); err != nil {
			return err
		}
	}
	type sent struct {
		Sequence int64     `json:"sequence"`
		Key      string    `json:"key"`
		Cents    int64     `json:"amount_cents"`
		TakenAt  time.Time `json:"taken_at"`
		Code     string    `json:"code"`
	}
	var sales []sale
	var body struct {
		Sales []sent `json:"sales"`
	}
	for range offlineLot {
		n := s.turn.Add(1)
		x := sale{till: at, payer: s.payers[int(n)%len(s.payers)], key: "o-" + strconv.FormatInt(n, 10), cents: saleCents,
			takenAt: time.Now().UTC().Truncate(time.Millisecond)}
		code, err := campus.SignPhoneCode(rand.Reader, x.payer.private, x.payer.phone, campus.ToPay, x.takenAt)
		if err != nil {
			return err
		}
		s.sequences[client]++
		sales = append(sales, x)
		body.Sales = append(body.Sales, sent{s.sequences[client], x.key, x.cents, x.takenAt,
			campus.WithCertificate(code, s.certificate(x.payer))})
	}
	text, err := s.signed(l, at, offlinePath, body)
	if err != nil {
		return err
	}
	var answer struct {
		Items []struct {
			Bearer, Reason string
			Transfer       uuid.UUID
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Items) != len(sales) {
		return fmt.Errorf("%d sales are answered %d times: %w", len(sales), len(answer.Items), err)
	}
	for i, item := range answer.Items {
		if item.Bearer != string(campus.HolderBears) {
			return fmt.Errorf("sale %s is borne by %s: %s", sales[i].key, item.Bearer, item.Reason)
		}
		sales[i].transfer = item.Transfer
		s.journal.add(sales[i])
	}
	return s.beat(l, at, s.sequences[client])
}

// certificate is that of a phone. It is made once: a phone shows it for a day.
func (s *shop) certificate(p payer) string {
	made, found := s.certificates.Load(p.phone)
	if !found {
		made, _ = s.certificates.LoadOrStore(p.phone, s.store.Money.Certify(p.phone, moneyUniversity, &p.private.PublicKey,
			time.Now().Add(campus.CertificateTime)))
	}
	text, _ := made.(string)
	return text
}

func (s *shop) beat(l *line, at till, sequence int64) error {
	_, err := s.signed(l, at, heartbeatPath, map[string]any{"clock": time.Now(), "offline_sequence": sequence})
	return err
}

// signed sends what a till asks for.
func (s *shop) signed(l *line, at till, path string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	return l.ask(http.MethodPost, path, body, campus.TerminalHeader, at.ID.String(), core.TimestampHeader, stamp,
		core.SignatureHeader, hex.EncodeToString(campus.TerminalSignature(at.Secret, stamp, http.MethodPost, path, body)))
}
