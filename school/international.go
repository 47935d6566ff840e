package school

import (
	"context"
	"net/http"

	"campuscard/campus"
)

// International is the International Student Service Centre (国际学生服务中心) of each university. It also has the
// register of temporary residence (临时住宿登记) of who comes from outside the mainland (A4).
type International struct{ client *client }

// Letter is a letter of the centre for one person.
type Letter struct {
	Code       string      `json:"code"`           // verification code, printed on it
	Number     string      `json:"number"`         // whose it is
	Name       string      `json:"name,omitempty"` // as printed on it; empty when the centre does not say
	Status     string      `json:"status"`         // valid, revoked
	IssuedOn   campus.Date `json:"issued_on"`
	ValidUntil campus.Date `json:"valid_until"` // last day
}

func (l *Letter) complete() bool {
	return l.Code != "" && l.Number != "" && (l.Status == "valid" || l.Status == "revoked") &&
		isPeriod(l.IssuedOn, l.ValidUntil)
}

// Letter looks a letter up by its verification code. NotFound if there is none. A letter whose last day is over keeps
// its status.
func (i *International) Letter(ctx context.Context, university, code string) (Letter, error) {
	var got Letter
	c := call{method: http.MethodGet, university: university, path: []string{"letters", code}}
	if err := i.client.json(ctx, c, &got); err != nil {
		return Letter{}, err
	}
	if got.Code != code {
		return Letter{}, i.client.badAnswer("about another letter")
	}
	return got, nil
}

// ResidenceRegistration is an entry in the register of temporary residence.
type ResidenceRegistration struct {
	Code       string      `json:"code"`
	Number     string      `json:"number"`         // whose it is
	Name       string      `json:"name,omitempty"` // as registered; empty when the register does not say
	Status     string      `json:"status"`         // valid, cancelled
	ValidFrom  campus.Date `json:"valid_from"`
	ValidUntil campus.Date `json:"valid_until"` // last day
}

func (r *ResidenceRegistration) complete() bool {
	return r.Code != "" && r.Number != "" && (r.Status == "valid" || r.Status == "cancelled") &&
		isPeriod(r.ValidFrom, r.ValidUntil)
}

// ResidenceRegistration looks an entry up by its code. NotFound if there is none. One that has not begun, or whose last
// day is over, keeps its status.
func (i *International) ResidenceRegistration(ctx context.Context, university, code string) (ResidenceRegistration,
	error) {
	var got ResidenceRegistration
	c := call{method: http.MethodGet, university: university, path: []string{"residence-registrations", code}}
	if err := i.client.json(ctx, c, &got); err != nil {
		return ResidenceRegistration{}, err
	}
	if got.Code != code {
		return ResidenceRegistration{}, i.client.badAnswer("about another registration")
	}
	return got, nil
}

// isPeriod tells whether both days are known and in their order.
func isPeriod(first, last campus.Date) bool {
	return !first.IsZero() && !last.IsZero() && !last.Before(first)
}
