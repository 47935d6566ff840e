// Package money is what tills, merchants, holders and staff do with money.
package money

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// Server answers the addresses of this area.
type Server struct {
	*core.Server
	phones phones
}

// New adds the addresses to those of a server.
func New(s *core.Server) *Server {
	return &Server{Server: s, phones: phones{known: map[uuid.UUID]money.Phone{}}}
}

// phones are the keys of phones that this process has looked at codes with lately. A key never changes; whether its
// phone still pays says the account's row, in the statement of the payment.
type phones struct {
	mu    sync.RWMutex
	known map[uuid.UUID]money.Phone
}

// phonesKept is how many keys are kept: those of all who eat lunch at a university.
const phonesKept = 100_000

func (p *phones) find(ctx context.Context, store *money.Store, key uuid.UUID) (money.Phone, error) {
	p.mu.RLock()
	known, found := p.known[key]
	p.mu.RUnlock()
	if found {
		return known, nil
	}
	phone, err := store.Phone(ctx, key)
	if err != nil {
		return phone, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for old := range p.known { // some go, in no order, to make room
		if len(p.known) < phonesKept {
			break
		}
		delete(p.known, old)
	}
	p.known[key] = phone
	return phone, nil
}

// readCode reads what a phone shows and tells whose it is. Refused: code_forged, also for a phone that nobody has;
// code_purpose, code_stale, code_ahead, card_elsewhere. Invalid: code_unreadable.
func (s *Server) readCode(ctx context.Context, text string, purpose campus.CodePurpose,
	university string) (code campus.PhoneCode, phone money.Phone, err error) {
	if code, err = campus.ParsePhoneCode(text); err != nil {
		return code, phone, err
	}
	phone, err = s.phones.find(ctx, s.Store.Money, code.Key)
	if campus.CodeOf(err) == campus.NotFound {
		return code, phone, campus.Errorf(campus.Refused, "code_forged", "no phone has the key")
	}
	if err != nil {
		return code, phone, err
	}
	if err := code.Check(phone.Public, purpose, s.Store.Now()); err != nil {
		return code, phone, err
	}
	if phone.University != university { // A0: tills take cards of their own university
		return code, phone, campus.Errorf(campus.Refused, "card_elsewhere", "the card is of another university")
	}
	return code, phone, nil
}

// isReason tells whether err has one of some reasons.
func isReason(err error, reasons ...string) bool {
	e, ok := errors.AsType[*campus.Error](err)
	if !ok {
		return false
	}
	for _, reason := range reasons {
		if e.Reason == reason {
			return true
		}
	}
	return false
}
