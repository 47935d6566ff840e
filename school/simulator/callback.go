package simulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.etcd.io/bbolt"
)

const (
	mostCallbacks = 16 // under way at once
	mostAttempts  = 20 // of one call-back, some 15 minutes
	firstPause    = 200 * time.Millisecond
	longestPause  = time.Minute
)

// callback is a message to us that has not been taken yet. Its id and body stay the same over all attempts.
type callback struct {
	ID       string          `json:"id"`
	OrderID  string          `json:"order_id"`
	Sequence int             `json:"sequence"`
	Body     json.RawMessage `json:"body"`
	Attempts int             `json:"attempts"`
	NextAt   time.Time       `json:"next_at"`
}

func (c callback) place() string { return fmt.Sprintf("%s/%06d", c.OrderID, c.Sequence) }

// queueMessage queues a message about an order or a delivery. Those about the same come one after the other.
func (s *Simulator) queueMessage(tx *bbolt.Tx, about string, sequence int, kind string, at time.Time, data any) error {
	set, err := bureauSettings(tx)
	if err != nil || set.Silent || s.cfg.CallbackURL == "" {
		return err
	}
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": at, "data": data})
	if err != nil {
		return fmt.Errorf("write a call-back: %w", err)
	}
	c := callback{ID: "msg_" + rand.Text(), OrderID: about, Sequence: sequence, Body: body, NextAt: now()}
	return put(tx, callbackBucket, c.place(), c)
}

// callBack delivers: the oldest of each order first, and orders side by side.
func (s *Simulator) callBack(ctx context.Context) error {
	if s.cfg.CallbackURL == "" {
		return nil
	}
	hook, err := webhooks.NewWebhook(s.cfg.CallbackSecret)
	if err != nil {
		return fmt.Errorf("call-back secret: %w", err)
	}
	busy, finished := map[string]bool{}, make(chan delivered)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			for range busy {
				<-finished // it stops with the context, and is repeated after the restart
			}
			return nil
		case d := <-finished:
			delete(busy, d.OrderID)
			if err := s.settleCallback(d); err != nil {
				return fmt.Errorf("call-back: %w", err)
			}
		case <-ticker.C:
			due, err := s.dueCallbacks(busy)
			if err != nil {
				return fmt.Errorf("call-backs that are due: %w", err)
			}
			for _, c := range due {
				busy[c.OrderID] = true
				go func() { finished <- delivered{c, s.deliver(ctx, hook, c)} }()
			}
		}
	}
}

// delivered is an attempt that has ended.
type delivered struct {
	callback
	taken bool
}

// dueCallbacks are the heads of the orders' queues whose time has come.
func (s *Simulator) dueCallbacks(busy map[string]bool) (due []callback, err error) {
	err = s.store.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte(callbackBucket)).Cursor()
		for k, v := cursor.First(); k != nil && len(due)+len(busy) < mostCallbacks; {
			var c callback
			if err := json.Unmarshal(v, &c); err != nil {
				return err
			}
			if !busy[c.OrderID] && !c.NextAt.After(now()) {
				due = append(due, c)
			}
			k, v = cursor.Seek([]byte(c.OrderID + "0")) // the next order: '0' comes after '/'
		}
		return nil
	})
	return due, err
}

func (s *Simulator) deliver(ctx context.Context, hook *webhooks.Webhook, c callback) (taken bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	at := now()
	signature, err := hook.Sign(c.ID, at, c.Body)
	if err != nil {
		return false
	}
	address := strings.TrimRight(s.cfg.CallbackURL, "/") + "/bureau"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(c.Body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(webhooks.HeaderWebhookID, c.ID)
	req.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(webhooks.HeaderWebhookSignature, signature)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()                                      //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // so that the connection is used again
	// 409 says that this call-back has been taken before, or contradicts one: sending it again cannot help.
	return res.StatusCode == http.StatusConflict || res.StatusCode >= 200 && res.StatusCode < 300
}

// settleCallback forgets what was taken or tried often enough, and plans the next attempt of the rest.
func (s *Simulator) settleCallback(d delivered) error {
	c := d.callback
	c.Attempts++
	c.NextAt = now().Add(min(firstPause<<min(c.Attempts, 10), longestPause))
	if c.Attempts >= mostAttempts && !d.taken {
		s.log.Warn("the bureau gives a call-back up", "callback", c.ID, "attempts", c.Attempts)
	}
	return s.store.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(callbackBucket))
		if b.Get([]byte(c.place())) == nil { // reset in the meantime
			return nil
		}
		if d.taken || c.Attempts >= mostAttempts {
			return b.Delete([]byte(c.place()))
		}
		return put(tx, callbackBucket, c.place(), c)
	})
}

// listCallbacks shows what has not been taken yet.
func (s *Simulator) listCallbacks(w http.ResponseWriter, r *http.Request) {
	list(s, w, r, callbackBucket, "callbacks", func(callback) bool { return true })
}
