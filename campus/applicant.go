package campus

import "slices"

// Category is what decides which documents somebody shows (A4). The roster has it.
type Category string

// The categories.
const (
	Mainland      Category = "mainland"
	HongKongMacau Category = "hong_kong_macau"
	Taiwan        Category = "taiwan"
	Foreign       Category = "foreign"
)

// Route is the way on which somebody becomes a card holder.
type Route string

// The routes.
const (
	StudentRoute  Route = "student"  // registered with Academic Affairs (A1)
	FreshmanRoute Route = "freshman" // on the admission list; the card activates at enrolment (A6)
	StaffRoute    Route = "staff"    // submitted by the HR system (A2)
)

// RouteOf is the route of somebody whom the roster has under a status; none for one who can have no card.
func RouteOf(status string) (Route, bool) {
	switch status {
	case "registered":
		return StudentRoute, true
	case "admitted":
		return FreshmanRoute, true
	case "employed":
		return StaffRoute, true
	}
	return "", false
}

// Papers are the items somebody hands in (A3, A4, A6): the rest of the checklist is asked of others.
func Papers(route Route, category Category) []Item {
	papers := []Item{DocumentItem}
	if route == StudentRoute { // freshmen have none yet, and HR answers for staff
		papers = append(papers, CertificateItem)
	}
	if category != Mainland && route != StaffRoute {
		papers = append(papers, ResidenceItem, LetterItem)
	}
	return papers
}

// Checklist are all items that are checked before the face is, in the order in which people read them.
func Checklist(route Route, category Category) []Item {
	return append(append([]Item{RegistryItem}, Papers(route, category)...), PhoneItem)
}

// AskedAgain tells whether somebody whose item fails is asked to bring it right. Whom the register does not confirm is
// refused (A1); everything else can be mended by the applicant (A4).
func AskedAgain(item Item) bool { return item != RegistryItem }

// Wanted are the items that the applicant has to bring or to put right, of all that have been looked at.
func Wanted(findings []Finding) []Item {
	var wanted []Item
	for _, f := range findings {
		if AskedAgain(f.Item) && (f.Verdict == Fail || f.Reason == MissingReason || f.Reason == PhoneChangedReason) &&
			!slices.Contains(wanted, f.Item) {
			wanted = append(wanted, f.Item)
		}
	}
	return wanted
}

// PhoneChangedReason is the reason of a phone that was changed after it was checked (L6). Its verdict is unknown, and
// the application is not approved until the new number was checked.
const PhoneChangedReason = "phone_changed"

// MissingReason is the reason of an item that has not been brought yet. Its verdict is unknown.
const MissingReason = "item_missing"
