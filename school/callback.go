package school

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"campuscard/campus"
)

// callbackTolerance is how old, or how far ahead of our clock, a call-back may be.
const callbackTolerance = 5 * time.Minute

// Callback is a message the bureau sends on its own account. Repeats carry the same ID, and order is not promised:
// Sequence tells the later of two.
type Callback struct {
	ID string
	Production
	Delivery *Delivery // that it has left the bureau; Production is empty then
}

type callbackBody struct {
	Type      string         `json:"type"`
	Timestamp time.Time      `json:"timestamp"`
	Data      jsontext.Value `json:"data"`
}

// VerifyCallback checks a signed call-back of the bureau (Standard Webhooks) and reads it. The secret is "whsec_" and
// base64. Unauthenticated if it is not signed with the secret, altered, or more than 5 minutes off; Invalid if it is
// signed and cannot be read.
func VerifyCallback(secret string, header http.Header, body []byte, now time.Time) (Callback, error) {
	if err := verifySignature(secret, header, body, now); err != nil {
		return Callback{}, err
	}
	c := Callback{ID: header.Get(webhooks.HeaderWebhookID)}
	var b callbackBody
	err := readStrictly(body, &b)
	var data checked = &c.Production
	if b.Type == "delivery.shipped" {
		c.Delivery = &Delivery{}
		data = c.Delivery
	}
	if err == nil && len(b.Data) > 0 {
		err = readStrictly(b.Data, data)
	}
	if err != nil {
		return Callback{}, notAsAgreed()
	}
	if b.Type != "production.updated" && b.Type != "delivery.shipped" || !data.complete() {
		return Callback{}, incomplete()
	}
	c.Reason = onlyWord(c.Reason)
	return c, nil
}

func notAsAgreed() error {
	return campus.Errorf(campus.Invalid, "callback_unreadable", "call-back: not the JSON that was agreed on")
}

func incomplete() error {
	return campus.Errorf(campus.Invalid, "callback_unreadable", "call-back: of unknown type, or incomplete")
}

// maxCallbackID is how many characters the id of a call-back may have; "msg_" and a UUID are forty.
const maxCallbackID = 128

// knownID tells whether an id of a call-back is one: what is not is no message that was agreed on, and Postgres would
// not keep it.
func knownID(id string) bool {
	return id != "" && len(id) <= maxCallbackID &&
		strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func verifySignature(secret string, header http.Header, body []byte, now time.Time) error {
	hook, err := webhooks.NewWebhook(secret)
	if err != nil || len(secret) < 16 {
		return campus.Errorf(campus.Internal, "", "call-back: the secret is not base64, or too short")
	}
	// The library can only compare with the wall clock, so the age is judged here, by the clock handed in.
	if err := hook.VerifyIgnoringTimestamp(body, header); err != nil {
		return campus.Errorf(campus.Unauthenticated, "callback_signature", "call-back: not signed with our secret")
	}
	if !knownID(header.Get(webhooks.HeaderWebhookID)) {
		return campus.Errorf(campus.Invalid, "callback_unreadable",
			"call-back: its id is too long, or has other than visible characters")
	}
	seconds, err := strconv.ParseInt(header.Get(webhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > callbackTolerance {
		return campus.Errorf(campus.Unauthenticated, "callback_stale", "call-back: signed too long ago, or for later")
	}
	return nil
}
