package campus

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Role is a job at a university. Roles give permissions; each is limited to campuses.
type Role string

// The roles of the product. Issues to come add what merchants, finance and laboratories do.
const (
	Reviewer      Role = "reviewer"
	CardCentre    Role = "card_centre"
	Production    Role = "production"
	Operator      Role = "operator"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"

	// Cashier takes cash at a counter, and counts it (L1).
	Cashier Role = "cashier"

	// Head leads a team: gives items to others and hears of what is late. Who decides too has the team's role beside
	// it.
	Head Role = "head"

	Finance Role = "finance" // merchants, their tills, refunds (L3), appeals for merchants and about them (E3)
	Warden  Role = "warden"  // looks whose card is shown (D5)
)

// Permission is one thing a member of staff may do.
type Permission string

// The permissions.
const (
	ReadCases      Permission = "cases.read"
	ReadPeople     Permission = "people.read" // personal data; every use is audited
	ReviewCases    Permission = "cases.review"
	VerifyInPerson Permission = "people.verify"
	HandlePlastic  Permission = "plastic.handle"
	SettleSteps    Permission = "steps.settle"
	ReadAudit      Permission = "audit.read"

	AssignWork   Permission = "work.assign"   // gives an item that another holds, or nobody, to a colleague
	ServeCounter Permission = "counter.serve" // finds people, verifies them, acts for them, prints receipts (L1)
	EditNotices  Permission = "notices.edit"  // words the messages of the university (L10)

	ManageInvitations Permission = "invitations.manage" // asks the people of the university to apply (C5)
	ManageStaff       Permission = "staff.manage"       // ends the waits of colleagues at the sign-in (F5)

	ManageMerchants Permission = "merchants.manage" // takes merchants and their tills on, stops them (L3)
	RefundPayments  Permission = "payments.refund"  // gives a part of a payment back (E4)
	LookAtCards     Permission = "cards.look"       // is told whose card is shown; every look is recorded (D5)

	UseVouchers  Permission = "vouchers.use"  // proposes and confirms what is put right by hand, as far as its kind allows
	CorrectMoney Permission = "money.correct" // corrections and write-offs, each by two people (E4)
	CloseDays    Permission = "days.close"    // closes days of the books, settles differences, signs (L8)

	HandleCash Permission = "cash.handle" // takes cash, counts a drawer, confirms what a colleague has counted (L1)

	// CheckChannels looks into what top-up channels say that does not fit, and into money that came by them (L2).
	CheckChannels Permission = "channels.check"
)

var rolePermissions = map[Role][]Permission{
	Reviewer:   {ReadCases, ReadPeople, ReviewCases},
	CardCentre: {ReadCases, ReadPeople, VerifyInPerson, HandlePlastic, ServeCounter, LookAtCards},
	Production: {ReadCases, HandlePlastic},
	Operator:   {ReadCases, SettleSteps},
	Auditor:    {ReadCases, ReadAudit},
	Administrator: {ReadCases, ReadPeople, ReviewCases, VerifyInPerson, HandlePlastic, SettleSteps, ReadAudit, AssignWork,
		ServeCounter, EditNotices,
		ManageInvitations, ManageStaff, ManageMerchants, RefundPayments, UseVouchers, CorrectMoney, LookAtCards,
		HandleCash, CheckChannels, CloseDays},
	Cashier: {ReadCases, ReadPeople, ServeCounter, HandleCash, UseVouchers, CheckChannels},
	Head:    {ReadCases, AssignWork},
	Finance: {ReadCases, ManageMerchants, RefundPayments, UseVouchers, CorrectMoney, CheckChannels, CloseDays},
	Warden:  {LookAtCards},
}

// Roles returns all roles, those that do the work first.
func Roles() []Role {
	return []Role{Reviewer, CardCentre, Production, Operator, Auditor, Cashier, Head, Finance, Warden, Administrator}
}

// WhoMay names the roles that have a permission.
func WhoMay(in Language, p Permission) string {
	var names []string
	for _, role := range Roles() {
		if slices.Contains(rolePermissions[role], p) {
			names = append(names, Text(in, "role."+string(role), nil))
		}
	}
	return Text(in, "permission.who", map[string]string{"roles": strings.Join(names, Text(in, "list.comma", nil))})
}

// Grant is a role on some campuses; no campuses means all of the university.
type Grant struct {
	Role     Role     `json:"role"`
	Campuses []string `json:"campuses,omitempty"`
}

// StaffMember is a signed-in member of staff. University is the only one whose people they can see (A0).
type StaffMember struct {
	ID         uuid.UUID `json:"id"`
	University string    `json:"university"`
	Username   string    `json:"username"`
	Name       string    `json:"name"`
	Grants     []Grant   `json:"grants"`
}

// May tells whether the member may do p on a campus of their university. An empty campus asks "anywhere".
func (m StaffMember) May(p Permission, campus string) bool {
	for _, grant := range m.Grants {
		if slices.Contains(rolePermissions[grant.Role], p) &&
			(campus == "" || len(grant.Campuses) == 0 || slices.Contains(grant.Campuses, campus)) {
			return true
		}
	}
	return false
}

// Campuses returns the campuses on which the member may do p, and the empty one, of what belongs to the university as a
// whole; all is true when there is no limit. No campuses: nowhere.
func (m StaffMember) Campuses(p Permission) (campuses []string, all bool) {
	for _, grant := range m.Grants {
		if !slices.Contains(rolePermissions[grant.Role], p) {
			continue
		}
		if len(grant.Campuses) == 0 {
			return nil, true
		}
		campuses = append(campuses, grant.Campuses...)
	}
	if len(campuses) > 0 {
		campuses = append(campuses, "")
	}
	slices.Sort(campuses)
	return slices.Compact(campuses), false
}

// Permissions returns all permissions the member has anywhere, sorted.
func (m StaffMember) Permissions() []Permission {
	var all []Permission
	for _, grant := range m.Grants {
		all = append(all, rolePermissions[grant.Role]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
