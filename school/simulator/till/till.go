// Package till plays tills: each is enrolled with a code, signs what it asks for, and writes what it has asked, heard
// and printed into a journal on disk before it goes on. So a till that is killed knows in the morning what it has to
// find out.
package till

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Till is one till. Its methods may be called at the same time: a till has several lanes.
type Till struct {
	base    string
	client  *http.Client
	clock   func() time.Time
	dir     string
	journal *journal
	left    []Receipt // begun and never printed when the till was opened
	owed    []Line    // give-backs of which nobody knew then what had become

	mu    sync.Mutex
	state state
}

// state is what a till keeps beside its journal.
type state struct {
	ID     uuid.UUID `json:"id"`
	Secret []byte    `json:"secret"`
	Serial int       `json:"serial"` // of its last sale

	Offline offline `json:"offline"`
	Flashed bool    `json:"flashed,omitempty"` // its journal of sales without network is lost
}

// Open takes a till's folder into use, as it was left. base is the address of the campus card.
func Open(dir, base string, clock func() time.Time) (*Till, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open a till: %w", err)
	}
	t := &Till{base: base, dir: dir, clock: clock, client: &http.Client{Timeout: 30 * time.Second}}
	text, err := os.ReadFile(t.stateFile())
	if err == nil {
		err = json.Unmarshal(text, &t.state)
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read a till: %w", err)
	}
	if t.journal, err = openJournal(filepath.Join(dir, journalFile)); err == nil {
		t.left, t.owed = open(t.journal.all()), owed(t.journal.all())
	}
	return t, err
}

// Close ends the till's work.
func (t *Till) Close() error { return t.journal.close() }

func (t *Till) stateFile() string { return filepath.Join(t.dir, "till.json") }

// ID is the till's, zero before it is enrolled.
func (t *Till) ID() uuid.UUID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.ID
}

// keep writes the state so that a crash, of the machine, too, leaves the old or the new one. The till is locked.
func (t *Till) keep() error {
	text, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(t.stateFile()+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("keep a till: %w", err)
	}
	if err := os.Rename(t.stateFile()+".new", t.stateFile()); err != nil {
		return err
	}
	folder, err := os.Open(t.dir) // a rename is kept once the folder is
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Enrol gets the till its secret for the code that staff have made.
func (t *Till) Enrol(ctx context.Context, id uuid.UUID, code string) error {
	asked := map[string]any{"code": code}
	t.mu.Lock()
	if t.state.ID == id && !t.state.Flashed {
		asked["offline_sequence"] = t.state.Offline.Sequence
	}
	t.mu.Unlock()
	body, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+"/api/v1/terminals/"+id.String()+"/enrolment",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	var enrolled struct {
		Secret []byte `json:"secret"`
	}
	if err := t.ask(r, &enrolled); err != nil {
		return fmt.Errorf("enrol a till: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.ID, t.state.Secret = id, enrolled.Secret
	t.state.Offline, t.state.Flashed = offline{}, false // another generation begins
	return t.keep()
}

// Fault is what goes wrong with a request of a till.
type Fault struct {
	LoseAnswers int           `json:"lose_answers,omitempty"` // so many answers in a row do not arrive
	WrongKey    bool          `json:"wrong_key,omitempty"`    // it signs with another secret
	ClockOff    time.Duration `json:"clock_off,omitempty"`    // its clock is ahead
	Forgets     bool          `json:"forgets,omitempty"`      // it has the answer, and loses all that it knew of the sale

	OldTap    bool `json:"old_tap,omitempty"`    // the plastic says once more what it has said before
	ForgedTap bool `json:"forged_tap,omitempty"` // a chip with the plastic's serial number, and another key

	Careless bool `json:"careless,omitempty"` // it looks at nothing when it sells without network
	Gap      bool `json:"gap,omitempty"`      // it leaves out a sale that it has to send
	Regroup  bool `json:"regroup,omitempty"`  // it sends what was answered once more
	Twice    bool `json:"twice,omitempty"`    // it sends everything twice at once
	Few      bool `json:"few,omitempty"`      // it sends few sales in a call
}

// Problem is what the campus card answers instead.
type Problem struct {
	Status int    `json:"status"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s", p.Status, p.Reason) }

// Post sends a body of the caller's own, signed: what no cashier can type.
func (t *Till) Post(ctx context.Context, path string, body []byte) error {
	return t.call(ctx, http.MethodPost, path, json.RawMessage(body), nil, Fault{})
}

// call signs a request and reads its answer.
func (t *Till) call(ctx context.Context, method, path string, in, out any, fault Fault) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, t.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	t.sign(r, body, fault)
	return t.ask(r, out)
}

func (t *Till) sign(r *http.Request, body []byte, fault Fault) {
	t.mu.Lock()
	id, secret := t.state.ID, t.state.Secret
	t.mu.Unlock()
	if fault.WrongKey {
		secret = append([]byte("another"), secret...)
	}
	stamp := strconv.FormatInt(t.now(fault).Unix(), 10)
	r.Header.Set(campus.TerminalHeader, id.String())
	r.Header.Set("X-Timestamp", stamp)
	r.Header.Set("X-Signature",
		hex.EncodeToString(campus.TerminalSignature(secret, stamp, r.Method, r.URL.RequestURI(), body)))
}

// now is the till's clock.
func (t *Till) now(fault Fault) time.Time { return t.clock().Add(fault.ClockOff) }

func (t *Till) ask(r *http.Request, out any) error {
	r.Header.Set("Content-Type", "application/json")
	answer, err := t.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		problem := &Problem{Status: answer.StatusCode}
		_ = json.Unmarshal(text, problem) // what is no JSON has a status at least
		return problem
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
