package school

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"campuscard/campus"
)

// ChannelCallback is what a channel says on its own account: one of the three. Neither order nor number is promised.
type ChannelCallback struct {
	ID         string
	University string // whose account at the channel it is about
	Payment    *WalletPayment
	Closed     string // an order that nobody can pay any more
	Refund     *WalletRefundState
}

type closedOrder struct {
	Order string `json:"order"`
}

func (c *closedOrder) complete() bool { return c.Order != "" && opaque(c.Order) }

// VerifyChannelCallback checks a signed call-back of a channel (Standard Webhooks) and reads it, with the errors of
// VerifyCallback. Each university has a secret of its own with each channel, under "channel/university": the call-back
// is about the account of the one whose secret has signed it.
func VerifyChannelCallback(secrets map[string]string, channel string, header http.Header, body []byte,
	now time.Time) (ChannelCallback, error) {
	own := map[string]string{}
	for name, secret := range secrets {
		if university, ok := strings.CutPrefix(name, channel+"/"); ok {
			own[university] = secret
		}
	}
	university, err := signedBy(own, header, body, now)
	if err != nil {
		return ChannelCallback{}, err
	}
	c := ChannelCallback{ID: header.Get(webhooks.HeaderWebhookID), University: university}
	return c, c.read(body)
}

func (c *ChannelCallback) read(body []byte) error {
	var b callbackBody
	if err := readStrictly(body, &b); err != nil {
		return notAsAgreed()
	}
	payment, order, refund := &WalletPayment{}, &closedOrder{}, &WalletRefundState{}
	data, known := map[string]checked{"order.paid": payment, "order.closed": order, "refund.updated": refund}[b.Type]
	if !known {
		return incomplete()
	}
	if len(b.Data) > 0 && readStrictly(b.Data, data) != nil {
		return notAsAgreed()
	}
	if !data.complete() {
		return incomplete()
	}
	switch b.Type {
	case "order.paid":
		c.Payment = payment
	case "order.closed":
		c.Closed = order.Order
	default:
		refund.Reason = onlyWord(refund.Reason)
		c.Refund = refund
	}
	return nil
}

// CheckSecretsOfChannels refuses secrets that do not tell the senders apart, and names that are none.
func CheckSecretsOfChannels(secrets map[string]string) error {
	if len(slices.Compact(slices.Sorted(maps.Values(secrets)))) < len(secrets) {
		return campus.Errorf(campus.Invalid, "", "two channels or universities have the same secret")
	}
	for name := range secrets {
		if channel, university, ok := strings.Cut(name, "/"); !ok || !campus.IsChannelName(channel) || university == "" {
			return campus.Errorf(campus.Invalid, "", "a secret of a channel is named channel/university")
		}
	}
	return nil
}
