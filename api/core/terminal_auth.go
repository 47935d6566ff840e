package core

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/money"
)

// checkTerminal lets a till's request through if the till has signed it, now. Whether the till works now is looked at
// where something is done for it, in the same statement.
func (s *Server) checkTerminal(c *gin.Context) {
	request := callOfGin(c)
	if request.Route == nil || request.Route.Access.Audience != Till {
		return
	}
	if err := s.verifyTerminal(c.Request, request); err != nil {
		s.refuse(c, err)
	}
}

func (s *Server) verifyTerminal(r *http.Request, request *Call) error {
	id, err := uuid.Parse(r.Header.Get(campus.TerminalHeader))
	given, fault := hex.DecodeString(r.Header.Get(SignatureHeader))
	stamp := r.Header.Get(TimestampHeader)
	if err != nil || fault != nil || len(given) == 0 || stamp == "" {
		return campus.Errorf(campus.Unauthenticated, "signature_missing", "the request is not signed")
	}
	signed := func(secret []byte) bool {
		want := campus.TerminalSignature(secret, stamp, r.Method, r.URL.RequestURI(), request.body)
		return hmac.Equal(given, want)
	}
	till, err := s.tills.find(r.Context(), s.Store.Money.Till, id, signed)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || s.Store.Now().Sub(time.Unix(seconds, 0)).Abs() > campus.TillClockOff {
		return campus.Errorf(campus.Unauthenticated, "clock_off", "the timestamp is more than %s away", campus.TillClockOff)
	}
	request.till, request.Actor = till, campus.Machine(id.String())
	return nil
}

// FindTill reads a till for who has its code, and not its request.
func (s *Server) FindTill(ctx context.Context, id uuid.UUID, signed func(secret []byte) bool) (*money.Till, error) {
	return s.tills.find(ctx, s.Store.Money.Till, id, signed)
}

// ForgetTill has the next request of a till look at its secret anew.
func (s *Server) ForgetTill(id uuid.UUID) {
	s.tills.mu.Lock()
	defer s.tills.mu.Unlock()
	delete(s.tills.known, id)
}

// tills are those that this process has heard of. A till that was enrolled again has another secret: one whose
// signature does not fit what is known is read anew, at most twenty times a second.
type tills struct {
	mu    sync.RWMutex
	known map[uuid.UUID]knownTill
}

type knownTill struct {
	*money.Till
	readAt time.Time
}

// Names of merchants may change; secrets are noticed by the signature.
const (
	tillFresh  = time.Minute
	tillReread = 50 * time.Millisecond
)

// find returns the till that has signed. Unauthenticated: signature_wrong, also for a till that does not exist.
func (t *tills) find(ctx context.Context, read func(context.Context, uuid.UUID) (money.Till, error), id uuid.UUID,
	signed func(secret []byte) bool) (*money.Till, error) {
	t.mu.RLock()
	known, found := t.known[id]
	t.mu.RUnlock()
	age := time.Since(known.readAt)
	fits := found && signed(known.Secret)
	if fits && age < tillFresh {
		return known.Till, nil
	}
	wrong := campus.Errorf(campus.Unauthenticated, "signature_wrong", "the signature is wrong")
	if found && !fits && age < tillReread {
		return nil, wrong
	}
	till, err := read(ctx, id)
	switch {
	case campus.CodeOf(err) == campus.NotFound:
		return nil, wrong
	case err != nil:
		return nil, err
	}
	t.mu.Lock()
	t.known[id] = knownTill{&till, time.Now()}
	t.mu.Unlock()
	if !signed(till.Secret) {
		return nil, wrong
	}
	return &till, nil
}
