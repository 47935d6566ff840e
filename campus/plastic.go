package campus

import "slices"

// PlasticCase is the kind of case that brings a plastic into a hand.
const PlasticCase CaseKind = "plastic"

// The stages of a plastic's case.
const (
	StageOrdering   Stage = "ordering"   // the order goes to the bureau
	StageProduction Stage = "production" // the bureau makes and ships it
	StagePickup     Stage = "pickup"     // it waits at the kiosk
	StageBatching   Stage = "batching"   // it waits for the next batch (D3)
	StageReturned   Stage = "returned"   // nobody came; it can be sent again
)

// PlasticState is a state of one physical card.
type PlasticState string

// The states of a plastic.
const (
	PlasticOrdered      PlasticState = "ordered"       // we want it made
	PlasticInProduction PlasticState = "in_production" // the bureau has the order
	PlasticShipped      PlasticState = "shipped"       // on its way to the kiosk
	PlasticReady        PlasticState = "ready"         // in a compartment of the kiosk
	PlasticPickedUp     PlasticState = "picked_up"
	PlasticReturned     PlasticState = "returned" // nobody came for it; the card centre has it
	PlasticResent       PlasticState = "resent"   // to be brought to a kiosk once more, from the card centre
	PlasticSpoilt       PlasticState = "spoilt"   // the bureau could not make it; another is ordered
	PlasticLost         PlasticState = "lost"     // it did not arrive, or is not where it was; another is ordered
	PlasticDamaged      PlasticState = "damaged"  // it arrived and is of no use; another is ordered
	PlasticCancelled    PlasticState = "cancelled"
)

// plasticMoves are all changes a plastic can make. Back to ordered is a card whose batch was given up.
var plasticMoves = map[PlasticState][]PlasticState{
	PlasticOrdered: {PlasticInProduction, PlasticShipped, PlasticReady, PlasticSpoilt, PlasticLost, PlasticDamaged,
		PlasticCancelled},
	PlasticInProduction: {PlasticOrdered, PlasticShipped, PlasticReady, PlasticSpoilt, PlasticLost, PlasticDamaged,
		PlasticCancelled},
	PlasticShipped:   {PlasticReady, PlasticSpoilt, PlasticReturned, PlasticLost, PlasticDamaged, PlasticCancelled},
	PlasticReady:     {PlasticPickedUp, PlasticReturned, PlasticLost, PlasticDamaged, PlasticCancelled},
	PlasticReturned:  {PlasticResent, PlasticLost, PlasticDamaged, PlasticCancelled},
	PlasticResent:    {PlasticShipped, PlasticReady, PlasticLost, PlasticDamaged, PlasticCancelled},
	PlasticPickedUp:  {},
	PlasticSpoilt:    {},
	PlasticLost:      {},
	PlasticDamaged:   {},
	PlasticCancelled: {},
}

// CanBecome tells whether a plastic may go from s to next. Steps in between may be left out, because a call-back can
// be lost: a plastic that is reported ready has been shipped.
func (s PlasticState) CanBecome(next PlasticState) bool {
	return slices.Contains(plasticMoves[s], next)
}

// Terminal tells whether nothing can happen to the plastic any more.
func (s PlasticState) Terminal() bool { return len(plasticMoves[s]) == 0 }
