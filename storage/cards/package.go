package cards

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Package is one value-added package of one card, from the request to its end (C2).
type Package struct {
	ID          uuid.UUID           `json:"id"`
	CardID      uuid.UUID           `json:"card_id"`
	Code        string              `json:"code"`
	System      string              `json:"-"`
	State       campus.PackageState `json:"state"`
	Reference   string              `json:"-"`
	Refusal     string              `json:"refusal,omitempty"` // the system's own word
	CaseID      uuid.UUID           `json:"case_id"`           // of the last change, or of the one under way
	RequestedAt time.Time           `json:"requested_at"`
	GrantedAt   *time.Time          `json:"granted_at,omitempty"`
	EndedAt     *time.Time          `json:"ended_at,omitempty"`
}

// selectPackage shows each package with its newest change.
const selectPackage = `select p.*, c.case_id from packages p cross join lateral (
	select case_id from package_changes where package_id = p.id order by at desc, case_id desc limit 1) c `

// NewPackage is a package that the holder of a card asks for.
type NewPackage struct {
	Person        uuid.UUID
	Card          uuid.UUID
	Chosen        campus.ChosenPackage
	PolicyVersion string
}

// RequestPackage opens the case that grants a package to somebody's card. It needs neither Temporal nor the system.
// NotFound: not their card. Conflict: card_not_active, package_exists, package_changing.
func (s *Store) RequestPackage(ctx context.Context, req casework.Request, n NewPackage) (Package, error) {
	return casework.Once(ctx, s.casework, "ask for a package", req, func(t db.Tx) (Package, error) {
		card, owner, err := lockOwnCard(t, n.Person, n.Card)
		if err != nil {
			return Package{}, err
		}
		if card.State != campus.CardActive {
			return Package{}, campus.Errorf(campus.Conflict, "card_not_active", "a card that is %s gets no packages", card.State)
		}
		held, found, err := livePackage(t, card.ID, n.Chosen.Code)
		switch {
		case err != nil:
			return Package{}, err
		case found && held.State == campus.PackageGranted:
			return Package{}, campus.Errorf(campus.Conflict, "package_exists", "the card has package %s", n.Chosen.Code)
		case found:
			return Package{}, packageChanging(held)
		}
		return openGrant(ctx, t, owner, card.ID, n.Chosen, n.PolicyVersion, req.Actor)
	})
}

// WithdrawPackage opens the case that takes a package from somebody's card, whatever state the card is in. NotFound:
// not their card, or package_absent. Conflict: package_changing.
func (s *Store) WithdrawPackage(ctx context.Context, req casework.Request, person, card uuid.UUID, code,
	policyVersion string) (Package, error) {
	return casework.Once(ctx, s.casework, "give a package back", req, func(t db.Tx) (Package, error) {
		_, owner, err := lockOwnCard(t, person, card)
		if err != nil {
			return Package{}, err
		}
		held, found, err := livePackage(t, card, code)
		switch {
		case err != nil:
			return held, err
		case !found:
			return held, campus.Errorf(campus.NotFound, "package_absent", "the card does not have package %s", code)
		case !held.State.CanBecome(campus.PackageWithdrawing):
			return held, packageChanging(held)
		}
		held.State = campus.PackageWithdrawing
		if err := t.Exec(`update packages set state = ? where id = ?`, held.State, held.ID).Error; err != nil {
			return held, err
		}
		held.CaseID, err = openChange(ctx, t, owner, held, campus.WithdrawPackage, policyVersion, req.Actor)
		return held, err
	})
}

func packageChanging(p Package) error {
	return campus.Errorf(campus.Conflict, "package_changing", "package %s is %s", p.Code, p.State)
}

// lockOwnCard reads a card of the person and keeps others from changing it or its packages until the transaction ends.
func lockOwnCard(t db.Tx, person, id uuid.UUID) (Card, casework.CaseOwner, error) {
	var found struct {
		Card   Card `gorm:"embedded"` // gorm passes over what is embedded without a name
		Campus string
	}
	err := t.Raw(`select c.*, p.campus from cards c join people p on p.id = c.person_id
		where c.id = ? and c.person_id = ? for update of c`, id, person).Scan(&found).Error
	if err == nil && found.Card.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "no card %s", id)
	}
	return found.Card, casework.CaseOwner{University: found.Card.University, Campus: found.Campus, PersonID: person}, err
}

// livePackage returns the package of a card that has not come to its end, if there is one.
func livePackage(t db.Tx, card uuid.UUID, code string) (p Package, found bool, err error) {
	err = t.Raw(selectPackage+`where p.card_id = ? and p.code = ? and p.state in ('requested', 'granted', 'withdrawing') for update of p`,
		card, code).Scan(&p).Error
	return p, p.ID != uuid.Nil, err
}

// OpenChosenPackages opens a case for each package that was chosen with the application of a card. Each goes its own
// way: the card is active whatever becomes of them.
func OpenChosenPackages(ctx context.Context, t db.Tx, application uuid.UUID, c casework.MovedCase, a Activation) error {
	var chosen db.JSONList[campus.ChosenPackage]
	if err := t.Ask(`select packages from applications where id = @id`,
		map[string]any{"id": application}).Scan(&chosen); err != nil {
		return err
	}
	for _, one := range chosen {
		if _, err := openGrant(ctx, t, c.Owner, a.Card, one, c.PolicyVersion, a.Change.Actor); err != nil {
			return err
		}
	}
	return nil
}

// openGrant files a package that is asked for, and the case that grants it.
func openGrant(ctx context.Context, t db.Tx, owner casework.CaseOwner, card uuid.UUID, chosen campus.ChosenPackage,
	policyVersion string, actor campus.Actor) (Package, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Package{}, err
	}
	p := Package{ID: id, CardID: card, Code: chosen.Code, System: chosen.System, State: campus.PackageRequested,
		RequestedAt: t.Now}
	err = t.Exec(`insert into packages (id, card_id, code, system, state, requested_at) values (?, ?, ?, ?, ?, ?)`,
		p.ID, p.CardID, p.Code, p.System, p.State, p.RequestedAt).Error
	if db.Violated(err) == "packages_one_live" {
		return p, packageChanging(p)
	}
	if err != nil {
		return p, err
	}
	p.CaseID, err = openChange(ctx, t, owner, p, campus.GrantPackage, policyVersion, actor)
	return p, err
}

// openChange files the case of one change of a package, and the start of its workflow.
func openChange(ctx context.Context, t db.Tx, owner casework.CaseOwner, p Package, change campus.PackageChange,
	policyVersion string, actor campus.Actor) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, err
	}
	ref := campus.CaseRef{Kind: campus.PackageCase, ID: id}
	if err := casework.OpenCase(t, ref, owner, policyVersion); err != nil {
		return id, err
	}
	if err := t.Exec(`insert into package_changes (case_id, package_id, change, actor, at) values (?, ?, ?, ?, ?)`,
		id, p.ID, change, actor.String(), t.Now).Error; err != nil {
		return id, err
	}
	event := campus.Event{Kind: "package_requested", Actor: actor, Data: map[string]string{"package": p.Code},
		Public: true}
	if change == campus.WithdrawPackage {
		event.Kind = "package_returned"
	}
	if err := casework.AddEvent(t, id, event, uuid.Nil); err != nil {
		return id, err
	}
	if err := casework.AddAudit(t, actor, "package."+string(change), ref.WorkflowID(), owner.University); err != nil {
		return id, err
	}
	input := campus.CaseInput{Case: ref, University: owner.University, Campus: owner.Campus}
	return id, casework.EnqueueStart(ctx, t, ref, string(ref.Kind), input)
}

// PackageChange is what one case does with a package.
type PackageChange struct {
	Package       Package `gorm:"embedded"` // gorm passes over what is embedded without a name
	Change        campus.PackageChange
	PolicyVersion string // of the case
}

// PackageChange returns what a case is about.
func (s *Store) PackageChange(ctx context.Context, caseID uuid.UUID) (PackageChange, error) {
	var found PackageChange
	err := s.Read(ctx).Raw(`select p.*, c.case_id, c.change, cases.policy_version from package_changes c
		join packages p on p.id = c.package_id join cases on cases.id = c.case_id where c.case_id = ?`, caseID).Scan(&found).Error
	if err == nil && found.Package.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "case %s is about no package", caseID)
	}
	return found, db.Wrap("read a package", err)
}

// SavePackageReference keeps the name under which a system has a card.
func (s *Store) SavePackageReference(ctx context.Context, id uuid.UUID, reference string) error {
	_, err := s.Pool.Exec(ctx, `update packages set reference = $2 where id = $1`, id, reference)
	return db.Wrap("keep a package's reference", err)
}

// SettlePackage takes a package to another state, with the move that says so. refusal is the system's own word for no.
// One that is granted to a card which has ended is withdrawn at once.
func (s *Store) SettlePackage(ctx context.Context, m campus.Move, id uuid.UUID, next campus.PackageState,
	refusal string) (campus.Moved, error) {
	return s.casework.MoveAs(ctx, m, func(t db.Tx, moved casework.MovedCase) error {
		var state campus.PackageState
		if err := t.Raw(`select state from packages where id = ? for update`, id).Row().Scan(&state); err != nil {
			return err
		}
		if !state.CanBecome(next) {
			return campus.Errorf(campus.Conflict, "package_state", "a package that is %s cannot become %s", state, next)
		}
		err := t.Exec(`update packages set state = @state, refusal = @refusal,
				granted_at = case when @granted then coalesce(granted_at, @now) else granted_at end,
				ended_at = case when @ended then cast(@now as timestamptz) end where id = @id`,
			map[string]any{"state": next, "refusal": refusal, "granted": next == campus.PackageGranted,
				"ended": next.Terminal(), "now": t.Now, "id": id}).Error
		if err != nil || next != campus.PackageGranted {
			return err
		}
		return withdrawOfEnded(ctx, t, id, moved)
	})
}

// CardPackages returns the packages of a person's card by code: what it has, and what became of what was asked for
// last. NotFound: not their card.
func (s *Store) CardPackages(ctx context.Context, person, card uuid.UUID) ([]Package, error) {
	var theirs bool
	err := s.Read(ctx).Raw(`select exists (select 1 from cards where id = ? and person_id = ?)`, card,
		person).Row().Scan(&theirs)
	if err != nil {
		return nil, db.Wrap("list the packages of a card", err)
	}
	if !theirs {
		return nil, campus.Errorf(campus.NotFound, "", "no card %s", card)
	}
	return s.packages(ctx, newestPackages+`where p.card_id = ?`+byCode, card)
}

// PersonPackages returns the packages of all cards of a person, as CardPackages.
func (s *Store) PersonPackages(ctx context.Context, person uuid.UUID) ([]Package, error) {
	return s.packages(ctx, newestPackages+`where p.card_id in (select id from cards where person_id = ?)`+byCode, person)
}

// Of each package of some cards, what was asked for last.
const (
	newestPackages = `select distinct on (card_id, code) * from (` + selectPackage
	byCode         = `) all_of_them order by card_id, code, requested_at desc, id desc`
)

func (s *Store) packages(ctx context.Context, query db.Statement, id uuid.UUID) ([]Package, error) {
	found := []Package{}
	err := s.Read(ctx).Raw(string(query), id).Scan(&found).Error
	return found, db.Wrap("list packages", err)
}
