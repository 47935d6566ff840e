// Package money holds what cards can pay with: accounts, the books that are the other side, the transfers between them,
// and the answer to each key.
package money

import (
	"regexp"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Store is the facts of this area.
type Store struct {
	*db.DB
	casework *casework.Store
	payments *db.Batcher[Payment, lotResult]
	phones   *db.Batcher[uuid.UUID, Phone]
}

// New makes the Store of the area.
func New(d *db.DB, casework *casework.Store) *Store {
	s := &Store{DB: d, casework: casework}
	s.payments = &db.Batcher[Payment, lotResult]{
		Take: s.payGroup, Most: paymentGroup, AtOnce: paymentGroupsAtOnce, Pause: db.CrowdPause,
		Of: func(p Payment) any { return p.Account }, Stay: true,
	}
	s.phones = &db.Batcher[uuid.UUID, Phone]{Take: s.readPhones, Most: paymentGroup, AtOnce: 1, Stay: true}
	return s
}

// The constraints that hold what must be so whatever the code does. Who breaks one that says a rule of the trade is
// told the rule; the others are faults of ours, told apart by name.
var constraints = map[string]*campus.Error{
	"accounts_main_not_negative":    insufficient("the main purse would be below nothing"),
	"accounts_subsidy_not_negative": insufficient("the subsidy would be below nothing"),
	"accounts_debt_not_negative":    broken("a debt would be below nothing"),
	"accounts_limit_not_negative":   broken("a limit below nothing"),
	"accounts_spent_not_negative":   broken("less than nothing would have been spent on a day"),
	"accounts_owes_only_when_empty": broken("a debt would stand beside a balance"),
	"accounts_closed_empty":         campus.Errorf(campus.Conflict, "account_closed", "a closed account would have money"),
	"accounts_holds_known":          broken("a hold that is none of ours"),
	"accounts_one_per_card":         campus.Errorf(campus.Conflict, "account_exists", "the card has an account"),
	"accounts_one_current":          campus.Errorf(campus.Conflict, "account_exists", "the person has another account"),
	"telling_choices_not_negative":  broken("a low balance below nothing"),
	"merchants_name":                taken("name_zh", "merchant_exists", "a merchant has the name"),
	"merchants_name_en":             taken("name_en", "merchant_exists", "a merchant has the English name"),
	"merchants_two_people":          campus.Errorf(campus.Forbidden, "same_person", "a merchant takes two people"),
	"terminals_name":                taken("name", "terminal_exists", "a till of the merchant has the name"),
	"books_university_fkey":         broken("a book of a university that there is not"),
	"books_kind_known":              broken("a kind of book that is none of ours"),
	"transfers_amount_positive":     campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),
	"transfers_two_sides":           broken("a transfer from a side to itself"),
	"transfers_one_account":         broken("a transfer that does not say what it did to its account"),
	"transfers_adds_up":             broken("a transfer whose changes are not its amount"),
	"transfers_after_not_negative":  broken("a transfer that leaves less than nothing"),
	"closes_signed":                 broken("a close that is signed by nobody"),
	"channel_lines_kind_known":      broken("a line of a kind that is none of ours"),
	"close_differences_what_known":  broken("a difference of a kind that is none of ours"),
	"close_differences_settled":     broken("a difference that is settled by nobody"),
	"settlements_adds_up":           broken("a settlement whose parts are not what is due"),
	"settlements_fee_not_negative":  broken("a fee below nothing"),
	"answers_posted_stay":           broken("the answer to what is no payment would be deleted"),
	"transfers_month_seq":           broken("two transfers of an account with one number"),
	"refundables_main_within":       refundBeyond("more than the payment took from the main purse"),
	"refundables_subsidy_within":    refundBeyond("more than the payment took from the subsidy"),

	"topup_orders_state_known":           broken("an order in a state that is none of ours"),
	"topup_orders_amount_positive":       campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),
	"topup_orders_paid_at":               broken("an order that is paid, and does not say when"),
	"topup_payments_amount_positive":     campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),
	"topup_payments_refunded_within":     refundBeyond("more than the top-up has brought"),
	"topup_payments_credited":            broken("a payment that was credited to no account"),
	"topup_payments_stray_known":         broken("a reason not to credit that is none of ours"),
	"topup_refunds_kind_known":           broken("a refund of a kind that is none of ours"),
	"topup_refunds_state_known":          broken("a refund in a state that is none of ours"),
	"topup_refunds_amount_positive":      campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),
	"topup_refunds_asked":                broken("a refund whose end does not fit its state"),
	"unclaimed_settlements_way_known":    broken("unclaimed money that goes a way that is none of ours"),
	"unclaimed_settlements_state_known":  broken("a settlement in a state that is none of ours"),
	"unclaimed_settlements_reason":       broken("a settlement without a reason"),
	"unclaimed_settlements_bank":         broken("a bank account that does not fit the way of unclaimed money"),
	"unclaimed_settlements_two_people":   campus.Errorf(campus.Forbidden, "same_person", "unclaimed money takes two people"),
	"unclaimed_settlements_decided":      broken("a settlement whose decision does not fit its state"),
	"unclaimed_settlements_one_proposed": campus.Errorf(campus.Conflict, "unclaimed_proposed", "something is proposed already"),

	"channel_conflicts_subject_known": broken("a contradiction about what is none of ours"),
	"channel_conflicts_settled":       broken("a contradiction that is settled by nobody"),

	"appeals_once":           campus.Errorf(campus.Conflict, "appeal_exists", "the payment was appealed before"),
	"appeals_asked_positive": campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),
	"appeals_given_within":   broken("more was given back of an appeal than was asked for"),
	"appeals_granted_within": broken("more was granted of an appeal than was asked for"),
	"appeals_taken_within":   broken("more was taken again of an appeal than was given back"),
	"appeals_evidence":       broken("a duplicate without its evidence"),
	"till_journals_lasts":    campus.FieldErrorf("until", "period_invalid", "a journal is of a time that is longer than nothing"),

	"lost_generations_closed":           broken("a lost generation that nobody has proposed to close"),
	"lost_generations_by_two":           campus.Errorf(campus.Forbidden, "same_person", "two people close a lost generation"),
	"offline_variants_of_record":        broken("a sale under the number of one that was never sent"),
	"offline_variants_variant_positive": broken("a sale that differs from itself"),
	"offline_variants_amount_positive":  campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),

	"offline_settlements_of_record":    broken("a settlement of a sale that was never sent"),
	"offline_settlements_bearer_known": broken("a sale that would be borne by nobody"),
	"offline_settlements_posted":       broken("a settlement whose transfer does not fit who bears it"),
	"offline_settlements_by_two":       campus.Errorf(campus.Forbidden, "same_person", "two people settle a sale"),

	"drawers_state_known":            broken("a drawer in a state that is none of ours"),
	"drawers_not_negative":           campus.Errorf(campus.Conflict, "drawer_lacks", "the drawer has less than that"),
	"drawers_counted":                broken("a drawer whose count does not fit its state"),
	"drawers_closed":                 broken("a drawer whose end does not fit its state"),
	"drawers_by_two":                 campus.Errorf(campus.Forbidden, "same_person", "two people close a drawer"),
	"merchant_accounts_state_known":  broken("a bank account in a state that is none of ours"),
	"merchant_accounts_two_people":   campus.Errorf(campus.Forbidden, "same_person", "a bank account takes two people"),
	"merchant_accounts_decided":      broken("a bank account whose decision does not fit its state"),
	"merchant_accounts_one_current":  broken("a merchant with two bank accounts"),
	"merchant_accounts_one_proposed": campus.Errorf(campus.Conflict, "account_proposed", "another bank account is proposed"),
	"payouts_state_known":            broken("a payout in a state that is none of ours"),
	"payouts_to_one":                 broken("a payout to nobody, or to two"),
	"payouts_one_unclaimed":          broken("unclaimed money that is paid out twice"),
	"payouts_amount_positive":        broken("a payout of nothing"),
	"payouts_paid":                   broken("a payout that is paid, and does not say when"),
	"payouts_bounced":                broken("a payout that bounced, and does not say when"),

	"manual_vouchers_kind_known":      broken("a voucher of a kind that is none of ours"),
	"manual_vouchers_state_known":     broken("a voucher in a state that is none of ours"),
	"manual_vouchers_amount_positive": campus.FieldErrorf("amount_cents", "amount_invalid", "an amount is above nothing"),
	"manual_vouchers_reason":          broken("a voucher without a reason"),
	"manual_vouchers_about":           broken("a voucher about what its kind is not about"),
	"manual_vouchers_two_people":      campus.Errorf(campus.Forbidden, "same_person", "a voucher takes two people"),
	"manual_vouchers_decided":         broken("a voucher whose decision does not fit its state"),
	"manual_vouchers_one_merchant":    campus.Errorf(campus.Conflict, "voucher_open", "another write-off is proposed"),

	"drawers_one_open": campus.Errorf(campus.Conflict, "drawer_open", "the cashier has a drawer there"),
}

func insufficient(what string) *campus.Error {
	return campus.Errorf(campus.Conflict, "insufficient_funds", "%s", what)
}

// taken says that a name stands for another already.
func taken(field, reason, what string) *campus.Error {
	return &campus.Error{Code: campus.Conflict, Reason: reason, Field: field, Message: what}
}

func refundBeyond(what string) *campus.Error {
	return campus.Errorf(campus.Conflict, "refund_beyond_payment", "%s", what)
}

func broken(what string) *campus.Error {
	return campus.Errorf(campus.Internal, campus.DataRefused, "%s", what)
}

// monthSeq is the constraint of each month that a number of an account is used once.
var monthSeq = regexp.MustCompile(`^transfers_\d{4}_\d{2}_seq$`)

// refusal says which rule err broke, if it broke one.
func refusal(err error) error {
	name := db.Violated(err)
	if monthSeq.MatchString(name) {
		name = "transfers_month_seq"
	}
	if rule, known := constraints[name]; known {
		return rule
	}
	return err
}
