package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"go.etcd.io/bbolt"
)

const maxRequest = 24 << 20 // bytes; a liveness check carries several frames

// call is one request of a client to one system.
type call struct {
	route
	request    *http.Request
	university string
	body       []byte
	key        string
	reference  string // what the call is about, for the admin side: a number, a card, an order
}

// act is what a call does, decided in one transaction; looking and computing are done before.
type act func(tx *bbolt.Tx) (answer, error)

// answer is what goes back, and what the same key gets again.
type answer struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Version     string `json:"version,omitempty"` // of a photo
	Body        []byte `json:"body"`
}

// loggedCall is a call as the admin side shows it.
type loggedCall struct {
	At         time.Time `json:"at"`
	System     string    `json:"system"`
	University string    `json:"university,omitempty"`
	Operation  string    `json:"operation"`
	Reference  string    `json:"reference,omitempty"`
	Key        string    `json:"key,omitempty"`
	Status     int       `json:"status"`             // 0: no answer was given
	Fault      string    `json:"fault,omitempty"`    // the fault that was played
	Replayed   bool      `json:"replayed,omitempty"` // answered from the key, nothing done
}

// effect is something a system did, once per key.
type effect struct {
	At         time.Time `json:"at"`
	System     string    `json:"system"`
	University string    `json:"university,omitempty"`
	Operation  string    `json:"operation"`
	Reference  string    `json:"reference,omitempty"`
	Key        string    `json:"key,omitempty"`
}

// storedAnswer is the first answer to a key, with what was asked then.
type storedAnswer struct {
	Asked  string `json:"asked"`
	Answer answer `json:"answer"`
}

// serve returns the way of every call: key, university, fault, the act and the log in one commit, answer.
func (s *Simulator) serve(r route) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if !s.authorized(req) {
			refuse(http.StatusUnauthorized, "unauthenticated").write(w)
			return
		}
		c := &call{route: r, request: req, university: req.PathValue("university"), key: req.Header.Get("Idempotency-Key")}
		var err error
		if c.body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxRequest)); err != nil {
			refuse(http.StatusRequestEntityTooLarge, "too_large").write(w)
			return
		}
		f, err := s.fault(c.system, c.university)
		if err == nil {
			err = s.play(w, c, f) //nolint:contextcheck // what was done stays done when the caller hangs up
		}
		if err != nil {
			s.log.Error("call of a school system", "system", c.system, "operation", c.operation, "error", err)
			refuse(http.StatusInternalServerError, "internal").write(w)
		}
	}
}

// play makes the call go wrong as the fault wants it, before or after the act, or not at all.
func (s *Simulator) play(w http.ResponseWriter, c *call, f fault) error {
	if !f.before(c.request.Context()) {
		if err := s.settle(c, f, nil, &answer{Status: http.StatusServiceUnavailable}); err != nil {
			return err
		}
		refuse(http.StatusServiceUnavailable, "out_of_order").write(w)
		return nil
	}
	var a answer
	if err := s.settle(c, f, s.prepare(c), &a); err != nil {
		return err
	}
	f.after(c.request.Context(), a).write(w)
	return nil
}

// prepare finds out what the call would do.
func (s *Simulator) prepare(c *call) act {
	_, known := universities()[c.university]
	switch {
	case c.university != "" && !known:
		return always(refuse(http.StatusNotFound, "unknown_university"))
	case c.request.Method != http.MethodGet && c.system != "carrier" && c.key == "":
		return always(refuse(http.StatusBadRequest, "key_missing"))
	}
	return c.handle(c)
}

// settle does the act, or repeats the answer its key has had, and logs the call, in one commit.
func (s *Simulator) settle(c *call, f fault, do act, a *answer) error {
	return s.store.update(func(tx *bbolt.Tx) (err error) {
		replayed := false
		if do != nil {
			if *a, replayed, err = c.once(tx, do); err != nil {
				return err
			}
		}
		return add(tx, callBucket, loggedCall{now(), c.system, c.university, c.operation, c.reference, c.key,
			f.status(a.Status), f.shown(), replayed})
	})
}

func (c *call) once(tx *bbolt.Tx, do act) (a answer, replayed bool, err error) {
	if c.key == "" {
		a, err = do(tx)
		return a, false, err
	}
	place := c.system + "/" + c.university + "/" + c.key
	first, found, err := get[storedAnswer](tx, answerBucket, place)
	switch {
	case err != nil:
		return answer{}, false, err
	case found && first.Asked != c.asked():
		return refuse(http.StatusConflict, "key_reused"), true, nil
	case found:
		return first.Answer, true, nil
	}
	if a, err = do(tx); err != nil {
		return answer{}, false, err
	}
	return a, false, put(tx, answerBucket, place, storedAnswer{c.asked(), a})
}

// asked returns a hash of what is asked, so that a key cannot be used for two things.
func (c *call) asked() string {
	h := sha256.New()
	h.Write([]byte(c.request.Method + " " + c.request.URL.Path + "\n"))
	h.Write(c.body)
	return hex.EncodeToString(h.Sum(nil))
}

// happened records that the call had its effect.
func (c *call) happened(tx *bbolt.Tx) error {
	return add(tx, effectBucket, effect{now(), c.system, c.university, c.operation, c.reference, c.key})
}

// read reads the body of the request.
func (c *call) read(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return errors.New("not the JSON that was agreed on")
	}
	return nil
}

// always is an act that changes nothing.
func always(a answer) act { return func(*bbolt.Tx) (answer, error) { return a, nil } }

func jsonAnswer(status int, body any) answer {
	raw, err := json.Marshal(body)
	if err != nil { // only our own types come here
		return answer{Status: http.StatusInternalServerError}
	}
	return answer{Status: status, ContentType: "application/json", Body: raw}
}

// refuse returns an error as the systems write it.
func refuse(status int, code string) answer {
	return jsonAnswer(status, map[string]string{"code": code})
}

func (a answer) write(w http.ResponseWriter) {
	if a.ContentType != "" {
		w.Header().Set("Content-Type", a.ContentType)
	}
	if a.Version != "" {
		w.Header().Set("Photo-Version", a.Version)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // who has gone away needs no answer
}
