package campus

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"slices"
	"time"
)

// TillClockOff is how far a till's time may be from ours, whatever it says it of: a request that it signs, a sale, a
// code that it shows, what it gives back (E1). A sale or what is given back may be told of later, by a till that has
// had no answer, and so be older: never further ahead.
const TillClockOff = 2 * time.Minute

// CheckGivenBack refuses a time of a void or refund that a till cannot mean: ahead by more than its clock may be off,
// or older than it may be when nothing was heard of it. Invalid: moment_invalid.
func CheckGivenBack(at, now time.Time, retryWithin time.Duration) error {
	if at.Sub(now) > TillClockOff || now.Sub(at) > retryWithin {
		return FieldErrorf("taken_at", "moment_invalid", "a till cannot mean what is %s away", at.Sub(now))
	}
	return nil
}

// TerminalHeader names a till in its requests. They are signed as those of kiosks (X-Timestamp, X-Signature), without a
// nonce: what a till asks for has a key of its own, and the same again is the same answer.
const TerminalHeader = "X-Terminal-Id"

// TerminalSignature returns what a till signs with, over timestamp (Unix seconds), METHOD, path with query, and body,
// with a line feed between them. It is sent in hex.
func TerminalSignature(secret []byte, timestamp, method, path string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	for _, part := range []string{timestamp, method, path} {
		_, _ = io.WriteString(mac, part)
		mac.Write([]byte{'\n'})
	}
	mac.Write(body)
	return mac.Sum(nil)
}

// MerchantState is how a merchant stands (L3).
type MerchantState string

// The states of a merchant. Two people take one on: the first proposes, the second opens.
const (
	MerchantProposed MerchantState = "proposed"
	MerchantOpen     MerchantState = "open"
	MerchantStopped  MerchantState = "stopped" // takes no payment until it is opened again; refunds go on
	MerchantRetired  MerchantState = "retired" // for good
)

// TerminalState is how a till stands (E1).
type TerminalState string

// The states of a till.
const (
	TerminalNew     TerminalState = "new" // waits for its first enrolment
	TerminalActive  TerminalState = "active"
	TerminalStopped TerminalState = "stopped" // at once, until it is started again
	TerminalRetired TerminalState = "retired" // for good
)

// merchantMoves and terminalMoves are what staff may change by hand. Opening a proposal takes a second person and
// enrolment a code: both have ways of their own.
var (
	merchantMoves = map[MerchantState][]MerchantState{
		MerchantProposed: {MerchantRetired},
		MerchantOpen:     {MerchantStopped, MerchantRetired},
		MerchantStopped:  {MerchantOpen, MerchantRetired},
	}
	terminalMoves = map[TerminalState][]TerminalState{
		TerminalNew:     {TerminalRetired},
		TerminalActive:  {TerminalStopped, TerminalRetired},
		TerminalStopped: {TerminalActive, TerminalRetired},
	}
)

// CheckMove refuses a change that a merchant's state does not allow. Conflict: merchant_state.
func (s MerchantState) CheckMove(to MerchantState) error {
	if !slices.Contains(merchantMoves[s], to) {
		return Errorf(Conflict, "merchant_state", "a merchant that is %s does not become %s", s, to)
	}
	return nil
}

// CheckMove refuses a change that a till's state does not allow. Conflict: terminal_state.
func (s TerminalState) CheckMove(to TerminalState) error {
	if !slices.Contains(terminalMoves[s], to) {
		return Errorf(Conflict, "terminal_state", "a till that is %s does not become %s", s, to)
	}
	return nil
}

// Trades are what a merchant can sell. They decide where a subsidy may be spent (L5).
var Trades = []string{"canteen", "supermarket", "print", "service"}
