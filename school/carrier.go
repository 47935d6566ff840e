package school

import (
	"context"
	"net/http"

	"campuscard/campus"
)

// Carrier is the mobile carriers' real-name check.
type Carrier struct{ client *client }

type verdict struct {
	Match *bool `json:"match"`
}

func (v *verdict) complete() bool { return v.Match != nil }

// VerifyHolder asks whether the phone (E.164) is registered to the person of that name and document. The carrier
// compares letter by letter, so it is asked with each form of the name (campus.NameForms), with those in which it was
// delivered among them, until one is the one it has. None: the phone is somebody else's.
func (c *Carrier) VerifyHolder(ctx context.Context, phone, name, documentNumber string,
	delivered ...string) (match bool, err error) {
	for _, form := range campus.NameForms(name, delivered...) {
		body := map[string]string{"phone": phone, "name": form, "document_number": documentNumber}
		var v verdict
		// Posted, so that a phone number is in no address and in nobody's access log.
		err = c.client.json(ctx, call{method: http.MethodPost, path: []string{"verifications"}, body: body}, &v)
		if err != nil || *v.Match {
			return err == nil, err
		}
	}
	return false, nil
}
