package school_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

const callbackBody = `{"type":"production.updated","timestamp":"2026-11-22T08:00:00Z","data":{"order_id":"bo-1","reference":"p-1",
	"status":"shipped","reason":"","kiosk":"lcu-east-1","compartment":"","updated_at":"2026-11-22T08:00:00Z","sequence":3}}`

func signed(t *testing.T, key, body string, at time.Time) http.Header {
	t.Helper()
	hook, err := webhooks.NewWebhook(key)
	require.NoError(t, err)
	signature, err := hook.Sign("msg_1", at, []byte(body))
	require.NoError(t, err)
	return http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {signature}}
}

func TestCallbackIsVerified(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	other := "whsec_" + strings.Repeat("QUJD", 8)
	tests := map[string]struct {
		key, signedBody, sentBody string
		now                       time.Time
		want                      campus.Code
	}{
		"good":            {secret, callbackBody, callbackBody, at, ""},
		"5 minutes old":   {secret, callbackBody, callbackBody, at.Add(5 * time.Minute), ""},
		"5 minutes early": {secret, callbackBody, callbackBody, at.Add(-5 * time.Minute), ""},
		"too old": {secret, callbackBody, callbackBody, at.Add(5*time.Minute + time.Second),
			campus.Unauthenticated},
		"from the future": {secret, callbackBody, callbackBody, at.Add(-5*time.Minute - time.Second),
			campus.Unauthenticated},
		"another secret": {other, callbackBody, callbackBody, at, campus.Unauthenticated},
		"altered": {secret, callbackBody, strings.Replace(callbackBody, "shipped", "spoilt", 1), at,
			campus.Unauthenticated},
		"not JSON":   {secret, "hello", "hello", at, campus.Invalid},
		"two values": {secret, callbackBody + "{}", callbackBody + "{}", at, campus.Invalid},
		"no data": {secret, `{"type":"production.updated"}`, `{"type":"production.updated"}`, at,
			campus.Invalid},
		"of an unknown type": {secret, `{"type":"x","data":{}}`, `{"type":"x","data":{}}`, at, campus.Invalid},
		"sequence as a text": {secret, altered(`"sequence":3`, `"sequence":"3"`),
			altered(`"sequence":3`, `"sequence":"3"`), at, campus.Invalid},
		"an unknown status": {secret, altered("shipped", "eaten"), altered("shipped", "eaten"), at, campus.Invalid},
		"delivered, nowhere": {secret, altered("shipped", "delivered"), altered("shipped", "delivered"), at,
			campus.Invalid},
		"a name in another case": {secret, altered(`"sequence"`, `"Sequence"`), altered(`"sequence"`, `"Sequence"`), at,
			campus.Invalid},
		"a second name in another case": {secret, altered(`"sequence":3`, `"sequence":3,"Sequence":9`),
			altered(`"sequence":3`, `"sequence":3,"Sequence":9`), at, campus.Invalid},
		"a name with a letter that folds": {secret, altered(`"status"`, `"ſtatus":"produced","status"`),
			altered(`"status"`, `"ſtatus":"produced","status"`), at, campus.Invalid},
		"the same name twice": {secret, altered(`"sequence":3`, `"sequence":3,"sequence":3`),
			altered(`"sequence":3`, `"sequence":3,"sequence":3`), at, campus.Invalid},
		"two types": {secret, altered(`"type":`, `"type":"delivery.shipped","type":`),
			altered(`"type":`, `"type":"delivery.shipped","type":`), at, campus.Invalid},
		"a name twice in what is passed over": {secret, altered(`"reason"`, `"new":{"a":1,"a":2},"reason"`),
			altered(`"reason"`, `"new":{"a":1,"a":2},"reason"`), at, campus.Invalid},
		"no Unicode": {secret, altered("p-1", "p-\xff"), altered("p-1", "p-\xff"), at, campus.Invalid},
		"an additional field": {secret, altered(`"reason"`, `"new":1,"reason"`), altered(`"reason"`, `"new":1,"reason"`), at,
			""},
	}
	for name, test := range tests {
		got, err := school.VerifyCallback(secret, signed(t, test.key, test.signedBody, at), []byte(test.sentBody), test.now)
		require.Equal(t, test.want, campus.CodeOf(err), name)
		if test.want == "" {
			require.Equal(t, "msg_1", got.ID, name)
			require.Equal(t, 3, got.Sequence, name)
		}
	}
	_, err := school.VerifyCallback(secret, http.Header{}, []byte(callbackBody), at)
	require.Equal(t, campus.Unauthenticated, campus.CodeOf(err), "no headers")
	_, err = school.VerifyCallback("", signed(t, secret, callbackBody, at), []byte(callbackBody), at)
	require.Equal(t, campus.Internal, campus.CodeOf(err), "an empty secret verifies nothing")
}

const deliveryBody = `{"type":"delivery.shipped","timestamp":"2026-11-22T08:00:00Z","data":{"delivery_id":"bd-1","batch":"b-1",
	"kiosk":"lcu-east-1","cards":["p-1","p-2"],"shipped_at":"2026-11-22T08:00:00Z"}}`

func TestCallbackAboutADelivery(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	got, err := school.VerifyCallback(secret, signed(t, secret, deliveryBody, at), []byte(deliveryBody), at)
	require.NoError(t, err)
	require.Equal(t, &school.Delivery{DeliveryID: "bd-1", Batch: "b-1", Kiosk: "lcu-east-1",
		Cards: []string{"p-1", "p-2"}, ShippedAt: at}, got.Delivery)
	require.Empty(t, got.Production)
	for name, bad := range map[string]string{
		"no cards":     strings.Replace(deliveryBody, `"p-1","p-2"`, "", 1),
		"of no batch":  strings.Replace(deliveryBody, "b-1", "", 1),
		"to no kiosk":  strings.Replace(deliveryBody, "lcu-east-1", "", 1),
		"at no time":   strings.Replace(deliveryBody, `,"shipped_at":"2026-11-22T08:00:00Z"`, "", 1),
		"cards as one": strings.Replace(deliveryBody, `["p-1","p-2"]`, `"p-1"`, 1),
		"a card's":     strings.Replace(deliveryBody, "delivery.shipped", "production.updated", 1),
	} {
		_, err := school.VerifyCallback(secret, signed(t, secret, bad, at), []byte(bad), at)
		require.Equal(t, campus.Invalid, campus.CodeOf(err), name)
	}
}

func altered(from, to string) string { return strings.Replace(callbackBody, from, to, 1) }
