package work

import (
	"slices"

	"campuscard/api/core"
	"campuscard/campus"
)

// appealItems are the kinds of items in which people say something about an appeal (E3).
var appealItems = []campus.WorkItemKind{campus.AppealAnswerItem, campus.AppealItem, campus.AppealSecondItem,
	campus.DuplicateItem, campus.DuplicateObjected}

func isAppeal(kind campus.WorkItemKind) bool { return slices.Contains(appealItems, kind) }

// appealReasons are the reasons that each action on an item takes, by the action.
func appealReasons(in campus.Language, kind campus.WorkItemKind) map[string][]reasonView {
	all := map[string][]reasonView{}
	for _, action := range kind.Rule().Actions {
		if reasons := campus.AppealReasonsOf(campus.AppealAction(action)); len(reasons) > 0 {
			all[action] = core.Each(reasons, func(reason string) reasonView {
				return reasonView{reason, campus.ReasonText(in, reason)}
			})
		}
	}
	return all
}

// checkAppeal refuses what does not say enough. Invalid: reason_unknown, part_amount.
func checkAppeal(d ItemDecision) error {
	action := campus.AppealAction(d.Action)
	if action == campus.RefundPart && d.AmountCents == 0 {
		return campus.FieldErrorf("amount_cents", "amount_invalid", "a part has an amount")
	}
	return campus.CheckAppealReason(action, d.Reason)
}
