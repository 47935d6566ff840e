package api_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// shownPending is that somebody has decided.
type shownPending struct {
	What, Step, By string
	WhatText       string `json:"what_text"`
	ByName         string `json:"by_name"`
	Since          string
}

type pendingCase struct {
	ID        uuid.UUID
	Pending   []shownPending
	WorkItems []pendingItem `json:"work_items"`
}

type pendingItem struct {
	ID      uuid.UUID
	Pending *shownPending
}

// Colleagues see that somebody has decided, who and what about, before they try: in the case, in their list and at the
// item. What was decided is not so yet, and not shown; of a holder is shown that they are one.
func TestColleaguesSeeThatSomebodyHasDecided(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	ref, item := h.inReview(t, "student")
	h.enrol("other student")
	other, free := h.inReview(t, "other student")
	address := staffCases + "/" + ref.ID.String()
	list := func() map[uuid.UUID]*shownPending {
		found := map[uuid.UUID]*shownPending{}
		for _, shown := range ask[struct{ Items []pendingItem }](t, h, "colleague", workItems).Items {
			found[shown.ID] = shown.Pending
		}
		return found
	}
	require.Empty(t, ask[pendingCase](t, h, "colleague", address).Pending)
	require.Equal(t, map[uuid.UUID]*shownPending{item: nil, free: nil}, list())
	require.Empty(t, ask[struct{ Items []pendingCase }](t, h, "auditor", staffCases+"?deciding=true").Items)

	h.open(t, decision("reviewer", item, `{"action":"reject","reason":"not_entitled","note":"a secret note"}`))
	for _, who := range []string{"colleague", "auditor", "reviewer"} {
		seen := ask[pendingCase](t, h, who, address)
		require.Len(t, seen.Pending, 1, who)
		p := seen.Pending[0]
		require.Equal(t, []string{"review", "staff/" + h.reviewer.ID.String(), h.reviewer.Name, ""},
			[]string{p.What, p.By, p.ByName, p.Step})
		require.NotEmpty(t, p.Since)
		require.Equal(t, &p, seen.WorkItems[0].Pending)
		body := string(h.do(t, call{who: who, method: "GET", path: address}).body)
		require.NotContains(t, body, "a secret note")
		require.NotContains(t, body, `"reject"`, "what was decided is not so yet")
	}
	require.Equal(t, "review", list()[item].What)
	require.Nil(t, list()[free])
	require.Equal(t, "review", ask[pendingItem](t, h, "colleague", workItems+"/"+item.String()).Pending.What)
	deciding := ask[struct{ Items []pendingCase }](t, h, "auditor", staffCases+"?deciding=true").Items
	require.Len(t, deciding, 1)
	require.Equal(t, ref.ID, deciding[0].ID)
	h.play(t, map[string]scenario{
		"a colleague of another university": {call{who: "foreigner", method: "GET", path: address}, 404, "", ""},
		"a colleague who decides, too":      {decision("colleague", item, approval), 409, "decision_pending", ""},
		"the other case is free":            {decision("colleague", free, approval), 202, "", ""},
	})
	holders := h.do(t, call{who: "student", method: "GET", path: "/api/v1/applications/" + ref.ID.String()})
	require.NotContains(t, string(holders.body), "pending")
	require.NotContains(t, string(holders.body), h.reviewer.ID.String())
	next := func() string {
		asked := call{who: "other student", method: "GET", path: "/api/v1/applications/" + other.ID.String()}
		return read[struct{ Next struct{ Text string } }](t, h.do(t, asked.in(campus.English))).Next.Text
	}
	require.Contains(t, next(), "wait for the review")

	h.open(t, call{who: "other student", method: "POST",
		path: "/api/v1/applications/" + other.ID.String() + "/withdrawal"})
	require.Contains(t, next(), "being carried out: Withdrawal", "who has decided sees it")
	seen := ask[pendingCase](t, h, "auditor", staffCases+"/"+other.ID.String())
	require.Len(t, seen.Pending, 2)
	require.Equal(t, shownPending{What: campus.WithdrawUpdate, WhatText: seen.Pending[1].WhatText, By: "student",
		Since: seen.Pending[1].Since},
		seen.Pending[1])
	require.Equal(t, campus.ReviewUpdate, seen.WorkItems[0].Pending.What,
		"the review is not about what the holder decides")

	h.Exec(`update requests set state = 'refused', response = '{"code":"conflict"}' where state = 'open'`)
	require.Empty(t, ask[pendingCase](t, h, "colleague", address).Pending)
	require.Nil(t, list()[item])
	require.Zero(t, storagetest.One[int](h.Env, `select count(*) from requests where state = 'open'`))
}
