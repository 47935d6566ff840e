package simulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
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

// The hooks of ours that the school's systems call: {CallbackURL}/bureau, {CallbackURL}/hr,
// {CallbackURL}/channels/wallet.
const (
	bureauHook = "bureau"
	hrHook     = "hr"
)

// callback is a message to us that has not been taken yet. Its id and body stay the same over all attempts.
type callback struct {
	ID         string          `json:"id"`
	Hook       string          `json:"hook"`
	University string          `json:"university"` // whose HR system sends it; empty: the bureau does
	Subject    string          `json:"subject"`    // an order, a submission; what is about one subject is told in order
	Sequence   int             `json:"sequence"`
	Body       json.RawMessage `json:"body"`
	Attempts   int             `json:"attempts"`
	NextAt     time.Time       `json:"next_at"`
}

// signer names whose secret it is signed with.
func (c callback) signer() string { return path.Join(c.Hook, c.University) }

func (c callback) place() string { return fmt.Sprintf("%s/%06d", c.Subject, c.Sequence) }

// queue keeps a call-back until it is taken.
func (c callback) queue(tx *bbolt.Tx, body any) (err error) {
	if c.Body, err = json.Marshal(body); err != nil {
		return fmt.Errorf("write a call-back: %w", err)
	}
	return put(tx, callbackBucket, c.place(), c)
}

// queueMessage queues a message about an order or a delivery. Those about the same come one after the other.
func (s *Simulator) queueMessage(tx *bbolt.Tx, about string, sequence int, kind string, at time.Time, data any) error {
	set, err := bureauSettings(tx)
	if err != nil || set.Silent || s.cfg.CallbackURL == "" {
		return err
	}
	c := callback{ID: "msg_" + rand.Text(), Hook: bureauHook, Subject: about, Sequence: sequence, NextAt: now()}
	return c.queue(tx, map[string]any{"type": kind, "timestamp": at, "data": data})
}

// signers has the secret of each system that calls.
func (s *Simulator) signers() (map[string]*webhooks.Webhook, error) {
	secrets := map[string]string{bureauHook: s.cfg.CallbackSecret}
	for university, secret := range s.cfg.HRCallbackSecrets {
		secrets[callback{Hook: hrHook, University: university}.signer()] = secret
	}
	maps.Copy(secrets, s.walletSigners())
	signers := map[string]*webhooks.Webhook{}
	for name, secret := range secrets {
		signer, err := webhooks.NewWebhook(secret)
		if err != nil {
			return nil, fmt.Errorf("call-back secret of %s: %w", name, err)
		}
		signers[name] = signer
	}
	return signers, nil
}

// callBack delivers: the oldest of each subject first, and subjects side by side.
func (s *Simulator) callBack(ctx context.Context) error {
	if s.cfg.CallbackURL == "" {
		return nil
	}
	signers, err := s.signers()
	if err != nil {
		return err
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
			delete(busy, d.Subject)
			if err := s.settleCallback(d); err != nil {
				return fmt.Errorf("call-back: %w", err)
			}
		case <-ticker.C:
			due, err := s.dueCallbacks(busy)
			if err != nil {
				return fmt.Errorf("call-backs that are due: %w", err)
			}
			for _, c := range due {
				busy[c.Subject] = true
				go func() { finished <- delivered{c, s.deliver(ctx, signers[c.signer()], c)} }()
			}
		}
	}
}

// delivered is an attempt that has ended.
type delivered struct {
	callback
	taken bool // or refused for good
}

// dueCallbacks returns the heads of the subjects' queues whose time has come.
func (s *Simulator) dueCallbacks(busy map[string]bool) (due []callback, err error) {
	err = s.store.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte(callbackBucket)).Cursor()
		for k, v := cursor.First(); k != nil && len(due)+len(busy) < mostCallbacks; {
			var c callback
			if err := json.Unmarshal(v, &c); err != nil {
				return err
			}
			if c.Subject == "" { // written when there was only the bureau
				order, _, _ := strings.Cut(string(k), "/")
				c.Hook, c.Subject = bureauHook, order
			}
			if !busy[c.Subject] && !c.NextAt.After(now()) {
				due = append(due, c)
			}
			k, v = cursor.Seek([]byte(c.Subject + "0")) // the next subject: '0' comes after '/'
		}
		return nil
	})
	return due, err
}

// deliver sends a call-back once, and tells whether it need not be sent again.
func (s *Simulator) deliver(ctx context.Context, signer *webhooks.Webhook, c callback) (taken bool) {
	if signer == nil { // its secret was taken away after it was queued
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	at := now()
	signature, err := signer.Sign(c.ID, at, c.Body)
	if err != nil {
		return false
	}
	address := strings.TrimRight(s.cfg.CallbackURL, "/") + "/" + c.Hook
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
	// it contradicts what is known: sending it again cannot help
	if res.StatusCode == http.StatusConflict {
		s.log.Warn("a call-back is refused", "hook", c.Hook, "callback", c.ID)
		return true
	}
	return res.StatusCode >= 200 && res.StatusCode < 300
}

// settleCallback forgets what was taken or tried often enough, and plans the next attempt of the rest.
func (s *Simulator) settleCallback(d delivered) error {
	c := d.callback
	c.Attempts++
	c.NextAt = now().Add(min(firstPause<<min(c.Attempts, 10), longestPause))
	if c.Attempts >= mostAttempts && !d.taken {
		s.log.Warn("a call-back is given up", "hook", c.Hook, "callback", c.ID, "attempts", c.Attempts)
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
