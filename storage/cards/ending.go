package cards

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// WithdrawPackages opens the withdrawal of each package that a card has. One that is being granted is withdrawn when it
// is granted, see SettlePackage.
func WithdrawPackages(ctx context.Context, t db.Tx, card uuid.UUID, owner casework.CaseOwner, policyVersion string,
	actor campus.Actor) error {
	var live []Package
	if err := t.Raw(selectPackage+`where p.card_id = ? and p.state in ? order by p.id for update of p`,
		card, []campus.PackageState{campus.PackageRequested, campus.PackageGranted}).Scan(&live).Error; err != nil {
		return err
	}
	for _, p := range live {
		if p.State != campus.PackageGranted {
			continue
		}
		if err := t.Exec(`update packages set state = ? where id = ?`, campus.PackageWithdrawing, p.ID).Error; err != nil {
			return err
		}
		if _, err := openChange(ctx, t, owner, p, campus.WithdrawPackage, policyVersion, actor); err != nil {
			return err
		}
	}
	return nil
}

// withdrawOfEnded opens the withdrawal of a package that was granted to a card which had ended meanwhile.
func withdrawOfEnded(ctx context.Context, t db.Tx, id uuid.UUID, moved casework.MovedCase) error {
	var found struct {
		CardID    uuid.UUID
		CardState campus.CardState
	}
	if err := t.Raw(`select c.id as card_id, c.state as card_state from packages p join cards c on c.id = p.card_id
		where p.id = ?`, id).Scan(&found).Error; err != nil {
		return err
	}
	if !found.CardState.Terminal() {
		return nil
	}
	return WithdrawPackages(ctx, t, found.CardID, moved.Owner, moved.PolicyVersion, campus.System())
}
