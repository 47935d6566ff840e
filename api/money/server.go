// Package money is what tills, merchants, holders and staff do with money.
package money

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// Server answers the addresses of this area.
type Server struct {
	*core.Server
	phones known[uuid.UUID, money.Phone] // by their keys
	chips  known[string, money.Chip]     // by their serial numbers
	taken  *core.Limiter                 // statements, by whose they are
	making chan struct{}                 // those that are being made
}

// New adds the addresses to those of a server.
func New(s *core.Server) *Server {
	return &Server{Server: s, taken: core.NewLimiter(), making: make(chan struct{}, filesAtOnce)}
}

// readCode reads what a phone shows and tells whose it is. Refused: code_forged, also for a phone that nobody has;
// code_purpose, code_stale, code_ahead, card_elsewhere. Invalid: code_unreadable.
func (s *Server) readCode(ctx context.Context, text string, purpose campus.CodePurpose,
	university string) (code campus.PhoneCode, phone money.Phone, err error) {
	return s.readCodeOf(ctx, text, purpose, university, s.Store.Now())
}

// readCodeOf is readCode of a moment: that of a sale without network is the till's.
func (s *Server) readCodeOf(ctx context.Context, text string, purpose campus.CodePurpose, university string,
	at time.Time) (code campus.PhoneCode, phone money.Phone, err error) {
	if code, err = campus.ParsePhoneCode(text); err != nil {
		return code, phone, err
	}
	phone, err = s.phones.find(code.Key, func() (money.Phone, error) { return s.Store.Money.Phone(ctx, code.Key) })
	if campus.CodeOf(err) == campus.NotFound {
		return code, phone, campus.Errorf(campus.Refused, "code_forged", "no phone has the key")
	}
	if err != nil {
		return code, phone, err
	}
	if err := code.Check(phone.Public, purpose, at); err != nil {
		return code, phone, err
	}
	if phone.University != university { // A0: tills take cards of their own university
		return code, phone, campus.Errorf(campus.Refused, "card_elsewhere", "the card is of another university")
	}
	return code, phone, nil
}

// readTap reads what the chip of a plastic has said and tells whose it is. Refused: tap_forged; chip_unknown, for one
// that was not handed over; card_elsewhere. Invalid: code_unreadable.
func (s *Server) readTap(ctx context.Context, text, university string) (tap campus.Tap, chip money.Chip, err error) {
	if tap, err = s.ChipKeys.ReadTap(text); err != nil {
		return tap, chip, err
	}
	chip, err = s.chips.find(tap.Chip, func() (money.Chip, error) { return s.Store.Money.Chip(ctx, tap.Chip) })
	switch {
	case campus.CodeOf(err) == campus.NotFound:
		return tap, chip, campus.Errorf(campus.Refused, "chip_unknown", "no plastic with the chip was handed over")
	case err == nil && chip.University != university: // A0: tills take cards of their own university
		return tap, chip, campus.Errorf(campus.Refused, "card_elsewhere", "the card is of another university")
	}
	return tap, chip, err
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
