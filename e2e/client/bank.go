package client

import (
	"context"

	"campuscard/school"
	"campuscard/school/simulator"
)

// BankFile is a payout file as the bank has it.
type BankFile struct {
	University string                 `json:"university"`
	File       school.PayoutFile      `json:"file"`
	State      school.PayoutFileState `json:"state"`
}

// BankFiles returns all payout files that the bank has.
func (s *School) BankFiles(ctx context.Context) ([]BankFile, error) {
	var list struct {
		Files []BankFile `json:"files"`
	}
	err := s.client.do(ctx, get("", "/admin/payouts", everything()), &list)
	return list.Files, err
}

// SetPayouts changes how the bank pays merchants.
func (s *School) SetPayouts(ctx context.Context, settings simulator.PayoutSettings) error {
	return s.client.put(ctx, "", "/admin/payouts", settings)
}

// EndPayout says what becomes of a line of a payout file after all.
func (s *School) EndPayout(ctx context.Context, university string, act simulator.PayoutAct) error {
	return s.client.post(ctx, "", "/admin/payouts/"+university+"/lines", act, nil)
}
