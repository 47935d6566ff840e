package simulator

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

// The channels of the simulator. They speak alike, and each has orders, payments and settings of its own (L2).
const (
	walletSystem = "wallet"
	bankSystem   = "bank"
)

func channels() []string { return []string{walletSystem, bankSystem} }

// channelHook is where a channel calls back: {CallbackURL}/channels/wallet.
func channelHook(channel string) string { return "channels/" + channel }

// atChannel has an act of the admin side done at a channel.
func atChannel(channel string, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("channel", channel)
		handle(w, r)
	}
}

// WalletSettings is how the wallet works.
type WalletSettings struct {
	Refunds string `json:"refunds"` // refunded (the default), processing, failed, refused
	Silent  bool   `json:"silent"`  // it works and never calls back
}

// walletOrder is an order as the wallet keeps it.
type walletOrder struct {
	Channel string             `json:"channel"`
	Order   school.WalletOrder `json:"order"`
	State   school.WalletState `json:"state"`
}

// walletPaid is a payment as the wallet keeps it, with what of it went back or is going back.
type walletPaid struct {
	Channel    string               `json:"channel"`
	Payment    school.WalletPayment `json:"payment"`
	University string               `json:"university"`
	BackCents  int64                `json:"back_cents"`
}

// walletRefund is a refund as the wallet keeps it.
type walletRefund struct {
	Channel    string                   `json:"channel"`
	Refund     school.WalletRefund      `json:"refund"`
	State      school.WalletRefundState `json:"state"`
	University string                   `json:"university"`
}

func walletPlace(channel, university, id string) string { return channel + "/" + university + "/" + id }

func (s *Simulator) placeWalletOrder(c *call) act {
	var o school.WalletOrder
	if c.read(&o) != nil || o.Order == "" || o.AmountCents <= 0 || o.Currency == "" || o.ExpiresAt.IsZero() {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	c.reference = o.Order
	return func(tx *bbolt.Tx) (answer, error) {
		place := walletPlace(c.system, c.university, o.Order)
		made, found, err := get[walletOrder](tx, walletOrderBucket, place)
		if err != nil || found {
			return jsonAnswer(http.StatusOK, made.State), err
		}
		made = walletOrder{c.system, o, school.WalletState{Order: o.Order, State: school.WalletWaiting,
			PayCode: c.system + "://pay/" + rand.Text(), Payments: []school.WalletPayment{}}}
		if err := put(tx, walletOrderBucket, place, made); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusCreated, made.State), c.happened(tx)
	}
}

func (s *Simulator) walletOrder(c *call) act {
	c.reference = c.request.PathValue("order")
	return func(tx *bbolt.Tx) (answer, error) {
		o, found, err := get[walletOrder](tx, walletOrderBucket, walletPlace(c.system, c.university, c.reference))
		if err != nil || !found {
			return notFound(), err
		}
		return jsonAnswer(http.StatusOK, o.State), nil
	}
}

// closeWalletOrder takes no payment for an order any more; one that is paid stays so.
func (s *Simulator) closeWalletOrder(c *call) act {
	c.reference = c.request.PathValue("order")
	return func(tx *bbolt.Tx) (answer, error) {
		place := walletPlace(c.system, c.university, c.reference)
		o, found, err := get[walletOrder](tx, walletOrderBucket, place)
		if err != nil || !found {
			return notFound(), err
		}
		if o.State.State != school.WalletWaiting {
			return jsonAnswer(http.StatusOK, o.State), nil
		}
		o.State.State = school.WalletClosed
		if err := put(tx, walletOrderBucket, place, o); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusOK, o.State), c.happened(tx)
	}
}

// refundWallet pays back as the settings say, never more than a payment has brought.
func (s *Simulator) refundWallet(c *call) act {
	var r school.WalletRefund
	if c.read(&r) != nil || r.Refund == "" || r.Transaction == "" || r.AmountCents <= 0 || r.Currency == "" {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	c.reference = r.Refund
	return func(tx *bbolt.Tx) (answer, error) {
		place := walletPlace(c.system, c.university, r.Refund)
		made, found, err := get[walletRefund](tx, walletRefundBucket, place)
		if err != nil || found {
			return jsonAnswer(http.StatusOK, made.State), err
		}
		paid, known, err := get[walletPaid](tx, walletPaidBucket, walletPlace(c.system, c.university, r.Transaction))
		if err != nil || !known {
			return notFound(), err
		}
		set, err := walletSettings(tx, c.system)
		if err != nil {
			return answer{}, err
		}
		left := paid.Payment.AmountCents - paid.BackCents
		if set.Refunds == "refused" || left < r.AmountCents || paid.Payment.Currency != r.Currency {
			return refuse(http.StatusUnprocessableEntity, "refund_not_possible"), nil
		}
		made = walletRefund{c.system, r, school.WalletRefundState{Refund: r.Refund, State: school.WalletFailed}, c.university}
		if err := made.become(tx, set.Refunds); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusCreated, made.State), c.happened(tx)
	}
}

// become keeps how far a refund is; one that has not failed counts against its payment.
func (r *walletRefund) become(tx *bbolt.Tx, state string) error {
	place := walletPlace(r.Channel, r.University, r.Refund.Transaction)
	paid, _, err := get[walletPaid](tx, walletPaidBucket, place)
	if err != nil {
		return err
	}
	paid.BackCents -= r.counts()
	r.State.State, r.State.Reason = state, ""
	r.State.At = now()
	if state == school.WalletFailed {
		r.State.Reason = "source_closed"
	}
	paid.BackCents += r.counts()
	if err := put(tx, walletPaidBucket, place, paid); err != nil {
		return err
	}
	return put(tx, walletRefundBucket, walletPlace(r.Channel, r.University, r.Refund.Refund), r)
}

func (r *walletRefund) counts() int64 {
	if r.State.State == school.WalletFailed {
		return 0
	}
	return r.Refund.AmountCents
}

func (s *Simulator) walletRefund(c *call) act {
	c.reference = c.request.PathValue("refund")
	return func(tx *bbolt.Tx) (answer, error) {
		r, found, err := get[walletRefund](tx, walletRefundBucket, walletPlace(c.system, c.university, c.reference))
		if err != nil || !found {
			return notFound(), err
		}
		return jsonAnswer(http.StatusOK, r.State), nil
	}
}

func walletSettings(tx *bbolt.Tx, channel string) (WalletSettings, error) {
	set, _, err := get[WalletSettings](tx, settingBucket, channel)
	if set.Refunds == "" {
		set.Refunds = school.WalletRefunded
	}
	return set, err
}

// WalletAct is what somebody does at the wallet, and how the wallet tells of it.
type WalletAct struct {
	Order       string `json:"order"`        // an order, or what nobody has asked for
	Refund      string `json:"refund"`       // of an outcome of a refund that was being processed
	Transaction string `json:"transaction"`  // of a payment; a new one if left out, so that a second act is a second payer
	AmountCents int64  `json:"amount_cents"` // that of the order if left out
	Currency    string `json:"currency"`     // the same
	Failed      bool   `json:"failed"`       // the refund has failed
	Times       int    `json:"times"`        // it calls back so often; 0: once
	DelayMS     int    `json:"delay_ms"`     // before it calls back
	Unsigned    bool   `json:"unsigned"`     // with a secret that is not its own
	Silent      bool   `json:"silent"`       // it does not call back at all
}

// payWallet has somebody pay at the wallet, for an order or for nothing that it knows.
func (s *Simulator) payWallet(w http.ResponseWriter, r *http.Request) {
	s.actAtWallet(w, r, func(tx *bbolt.Tx, channel, university string, a WalletAct) (string, any, error) {
		place := walletPlace(channel, university, a.Order)
		o, found, err := get[walletOrder](tx, walletOrderBucket, place)
		if err != nil {
			return "", nil, err
		}
		p := school.WalletPayment{Order: a.Order, Transaction: a.Transaction, AmountCents: a.AmountCents,
			Currency: a.Currency, PaidAt: now()}
		p = filledIn(p, o.Order)
		paid, _, err := get[walletPaid](tx, walletPaidBucket, walletPlace(channel, university, p.Transaction))
		if err != nil {
			return "", nil, err
		}
		paid.Channel, paid.Payment, paid.University = channel, p, university
		if err := put(tx, walletPaidBucket, walletPlace(channel, university, p.Transaction), paid); err != nil {
			return "", nil, err
		}
		if found {
			o.State.State, o.State.Payments = school.WalletPaid, append(o.State.Payments, p)
			err = put(tx, walletOrderBucket, place, o)
		}
		return "order.paid", p, err
	})
}

// filledIn is a payment with what was left out taken from its order.
func filledIn(p school.WalletPayment, o school.WalletOrder) school.WalletPayment {
	p.Transaction = cmp.Or(p.Transaction, "wx-"+rand.Text())
	p.AmountCents = cmp.Or(p.AmountCents, o.AmountCents, 1)
	p.Currency = cmp.Or(p.Currency, o.Currency, "CNY")
	return p
}

// closeWallet closes an order; one that was paid stays so, and the wallet says all the same that it is closed.
func (s *Simulator) closeWallet(w http.ResponseWriter, r *http.Request) {
	s.actAtWallet(w, r, func(tx *bbolt.Tx, channel, university string, a WalletAct) (string, any, error) {
		place := walletPlace(channel, university, a.Order)
		o, found, err := get[walletOrder](tx, walletOrderBucket, place)
		if err == nil && found && o.State.State == school.WalletWaiting {
			o.State.State = school.WalletClosed
			err = put(tx, walletOrderBucket, place, o)
		}
		return "order.closed", map[string]string{"order": a.Order}, err
	})
}

// endWalletRefund ends a refund that was being processed.
func (s *Simulator) endWalletRefund(w http.ResponseWriter, r *http.Request) {
	s.actAtWallet(w, r, func(tx *bbolt.Tx, channel, university string, a WalletAct) (string, any, error) {
		place := walletPlace(channel, university, a.Refund)
		made, found, err := get[walletRefund](tx, walletRefundBucket, place)
		if err != nil || !found {
			return "refund.updated", school.WalletRefundState{Refund: a.Refund, State: school.WalletRefunded}, err
		}
		state := school.WalletRefunded
		if a.Failed {
			state = school.WalletFailed
		}
		err = made.become(tx, state)
		return "refund.updated", made.State, err
	})
}

// actAtWallet does what an act is, and queues what the wallet says of it.
func (s *Simulator) actAtWallet(w http.ResponseWriter, r *http.Request,
	do func(*bbolt.Tx, string, string, WalletAct) (string, any, error)) {
	var a WalletAct
	channel, university := r.PathValue("channel"), r.PathValue("university")
	if _, known := universities()[university]; !known {
		refuse(http.StatusNotFound, "unknown_university").write(w)
		return
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&a) != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	var said any
	err := s.store.update(func(tx *bbolt.Tx) error {
		kind, data, err := do(tx, channel, university, a)
		if err != nil {
			return err
		}
		said = data
		return s.tellOfWallet(tx, channel, university, kind, data, a)
	})
	s.show(w, said, err)
}

// tellOfWallet queues a call-back as often as is asked for, each on its own: nothing keeps them in order.
func (s *Simulator) tellOfWallet(tx *bbolt.Tx, channel, university, kind string, data any, a WalletAct) error {
	set, err := walletSettings(tx, channel)
	if err != nil || set.Silent || a.Silent || s.cfg.CallbackURL == "" {
		return err
	}
	id, body := "msg_"+rand.Text(), map[string]any{"type": kind, "timestamp": now(), "data": data}
	signer := university
	if a.Unsigned {
		signer = path.Join(university, unsignedSigner)
	}
	for range max(1, a.Times) {
		c := callback{ID: id, Hook: channelHook(channel), University: signer, Subject: channel + "-" + rand.Text(), Sequence: 1,
			NextAt: now().Add(time.Duration(a.DelayMS) * time.Millisecond)}
		if err := c.queue(tx, body); err != nil {
			return err
		}
	}
	return nil
}

// unsignedSigner signs with a secret that nobody else has.
const unsignedSigner = "unsigned"

// walletSigners are the secrets with which the channels sign, by their signers.
func (s *Simulator) walletSigners() map[string]string {
	secrets := map[string]string{}
	for name, secret := range s.cfg.ChannelSecrets {
		channel, university, _ := strings.Cut(name, "/")
		if !slices.Contains(channels(), channel) {
			continue
		}
		signer := callback{Hook: channelHook(channel), University: university}.signer()
		secrets[signer] = secret
		secrets[path.Join(signer, unsignedSigner)] = "whsec_" + "bm90IHRoZSBzZWNyZXQgb2YgdGhlIHdhbGxldA=="
	}
	return secrets
}

func (s *Simulator) setWallet(w http.ResponseWriter, r *http.Request) {
	var set WalletSettings
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&set) != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	switch set.Refunds {
	case "", school.WalletRefunded, school.WalletProcessing, school.WalletFailed, "refused":
	default:
		refuse(http.StatusUnprocessableEntity, "unknown_field_or_value").write(w)
		return
	}
	s.admit(w, set, func(tx *bbolt.Tx) error { return put(tx, settingBucket, r.PathValue("channel"), set) })
}

// listWallet shows the orders of the wallet.
func (s *Simulator) listWallet(w http.ResponseWriter, r *http.Request) {
	list(s, w, r, walletOrderBucket, "orders", func(o walletOrder) bool { return o.Channel == r.PathValue("channel") })
}

// listWalletPayments shows every payment that the wallet has taken, for an order or for nothing that it knows.
func (s *Simulator) listWalletPayments(w http.ResponseWriter, r *http.Request) {
	list(s, w, r, walletPaidBucket, "payments", func(o walletPaid) bool { return o.Channel == r.PathValue("channel") })
}

// listWalletRefunds shows the refunds of the wallet.
func (s *Simulator) listWalletRefunds(w http.ResponseWriter, r *http.Request) {
	list(s, w, r, walletRefundBucket, "refunds", func(o walletRefund) bool { return o.Channel == r.PathValue("channel") })
}
