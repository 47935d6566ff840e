package campus

import "slices"

// CardState is a state of a card (D4).
type CardState string

// The states of a card.
const (
	CardPending  CardState = "pending"
	CardActive   CardState = "active"
	CardFrozen   CardState = "frozen"
	CardLost     CardState = "lost"
	CardReplaced CardState = "replaced"
	CardClosed   CardState = "closed"
	CardAlumni   CardState = "alumni"
)

// cardMoves are all changes a card can make. D4: terminal states never revive, so Replaced and Closed have none.
var cardMoves = map[CardState][]CardState{
	CardPending:  {CardActive, CardClosed},
	CardActive:   {CardFrozen, CardLost, CardReplaced, CardAlumni, CardClosed},
	CardFrozen:   {CardActive, CardLost, CardReplaced, CardClosed},
	CardLost:     {CardReplaced, CardClosed},
	CardReplaced: {},
	CardClosed:   {},
	CardAlumni:   {CardClosed},
}

// CanBecome tells whether a card may go from s to next.
func (s CardState) CanBecome(next CardState) bool { return slices.Contains(cardMoves[s], next) }

// Terminal tells whether nothing can happen to the card any more.
func (s CardState) Terminal() bool { return len(cardMoves[s]) == 0 }

// OtherCardActive is the reason when the same human has a card under another number and does not change role.
const OtherCardActive = "other_card_active"

// StudiesOver is the reason when a student's studies end today or have ended, so that no card can begin.
const StudiesOver = "studies_over"

// The marks of a review about a human with a card under another number.
const (
	OtherCardMark         = "other_card"          // activation is refused
	OtherCardReplacedMark = "other_card_replaced" // activation replaces it
)

// ReplacesCard tells whether a new card, applied for by a route, replaces the card that the same human has under
// another number with a status of the roster (D4). It does when the human changes role, to staff or from staff, or when
// the other number gives no right to a card any more. A person who is a student twice has one card.
func ReplacesCard(route Route, status string) bool {
	other, open := RouteOf(status)
	return !open || (other == StaffRoute) != (route == StaffRoute)
}

// Change says who changed a state, how and why (D4).
type Change struct {
	Actor   Actor  `json:"actor"`
	Channel string `json:"channel"` // app, counter, kiosk, bureau, workflow
	Reason  string `json:"reason"`  // a code
	Text    string `json:"text,omitempty"`
}

// CardNumber returns the number printed on a card: a fixed issuer prefix, a running number and a Luhn check digit.
func CardNumber(serial int64) string {
	const issuer, width = "937100", 9
	digits := make([]byte, 0, len(issuer)+width+1)
	digits = append(digits, issuer...)
	for i := width - 1; i >= 0; i-- {
		digits = append(digits, byte('0'+serial/pow10(i)%10))
	}
	return string(append(digits, luhn(digits)))
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// luhn returns the check digit of digits (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) byte {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			d = d/10 + d%10
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}
