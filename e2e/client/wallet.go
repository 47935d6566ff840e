package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"campuscard/school"
	"campuscard/school/simulator"
)

// Pay has the holder pay a top-up at its channel, such as the wallet.
func (s *School) Pay(ctx context.Context, channel, university string, order uuid.UUID) error {
	return s.client.post(ctx, "", "/admin/"+channel+"/"+university+"/payments", simulator.WalletAct{Order: order.String()},
		nil)
}

// ActAtWallet has somebody do something at the wallet: payments, closures or refunds.
func (s *School) ActAtWallet(ctx context.Context, university, what string, act simulator.WalletAct) error {
	return s.client.post(ctx, "", "/admin/wallet/"+university+"/"+what, act, nil)
}

// SetWallet changes how the wallet works.
func (s *School) SetWallet(ctx context.Context, settings simulator.WalletSettings) error {
	return s.client.put(ctx, "", "/admin/wallet", settings)
}

// WalletPayment is a payment as the wallet has it.
type WalletPayment struct {
	Payment    school.WalletPayment `json:"payment"`
	University string               `json:"university"`
}

// WalletRefund is a refund as the wallet has it.
type WalletRefund struct {
	Refund     school.WalletRefund      `json:"refund"`
	State      school.WalletRefundState `json:"state"`
	University string                   `json:"university"`
}

// WalletPayments returns all that was paid at the wallet.
func (s *School) WalletPayments(ctx context.Context) ([]WalletPayment, error) {
	var list struct {
		Payments []WalletPayment `json:"payments"`
	}
	err := s.client.do(ctx, get("", "/admin/wallet/payments", everything()), &list)
	return list.Payments, err
}

// WalletRefunds returns all refunds of the wallet.
func (s *School) WalletRefunds(ctx context.Context) ([]WalletRefund, error) {
	var list struct {
		Refunds []WalletRefund `json:"refunds"`
	}
	err := s.client.do(ctx, get("", "/admin/wallet/refunds", everything()), &list)
	return list.Refunds, err
}

// everything asks for more than a list of the simulator has.
func everything() url.Values { return url.Values{"limit": {strconv.Itoa(1 << 30)}} }
