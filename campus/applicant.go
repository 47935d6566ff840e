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

// RouteOf returns the route of a person with a status of the roster; false when the status gives no right to a card.
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

// Papers returns the items that a person hands in (A3, A4, A6). The school's systems answer for the rest of the
// checklist.
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

// Checklist returns all items that are checked before the face, in the order in which people read them.
func Checklist(route Route, category Category) []Item {
	return append(append([]Item{RegistryItem}, Papers(route, category)...), PhoneItem)
}

// CheckedItems returns the items about which a system is asked, on whatever checklist they are. The document itself is
// looked at by people.
func CheckedItems() []Item {
	var all []Item
	for _, route := range []Route{StudentRoute, FreshmanRoute, StaffRoute} {
		for _, category := range []Category{Mainland, HongKongMacau, Taiwan, Foreign} {
			all = append(all, Checklist(route, category)...)
		}
	}
	all = slices.DeleteFunc(all, func(item Item) bool { return item == DocumentItem })
	slices.Sort(all)
	return slices.Compact(all)
}

// AskedAgain tells whether the applicant may bring an item again that has failed. A person whom the register does not
// confirm is refused (A1); everything else can be mended by the applicant (A4).
func AskedAgain(item Item) bool { return item != RegistryItem }

// Wanted returns those of the findings' items that the applicant has to bring or to put right.
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
