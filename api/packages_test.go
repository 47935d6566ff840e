package api_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/storage/storagetest"
)

const offers = "/api/v1/packages"

type shownPackage struct {
	Code, Name, State, Reason string
	StateText                 string    `json:"state_text"`
	CaseID                    uuid.UUID `json:"case_id"`
	Allowed                   bool
}

func packagesOf(t *testing.T, h *apiTest, who, path string) map[string]shownPackage {
	t.Helper()
	byCode := map[string]shownPackage{}
	for _, p := range ask[struct{ Items []shownPackage }](t, h, who, path).Items {
		byCode[p.Code] = p
	}
	return byCode
}

// C2: a holder sees what there is, asks for it, follows it, and gives it back; all without Temporal.
func TestPackages(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.inProduction(t, "student")
	h.Exec(`update people set dormitory = '' where id = $1`, h.holder.ID)
	offered := packagesOf(t, h, "student", offers)
	require.True(t, offered["laundry"].Allowed)
	require.Equal(t, "洗衣服务", offered["laundry"].Name)
	require.Equal(t, "package_needs_dormitory", offered["dormitory_power"].Reason)
	require.False(t, offered["dormitory_power"].Allowed)

	card := "/api/v1/cards/" + storagetest.One[string](h.Env, `select id::text from cards`) + "/packages"
	require.Empty(t, packagesOf(t, h, "student", card))
	request := call{who: "student", method: "POST", path: card, body: `{"code": "laundry"}`}
	h.play(t, map[string]scenario{
		"unknown": {call{who: "student", method: "POST", path: card, body: `{"code": "sauna"}`}, 422,
			"package_unknown", "code"},
		"for residents": {call{who: "student", method: "POST", path: card, body: `{"code": "dormitory_power"}`}, 422,
			"package_needs_dormitory", "code"},
		"no code": {call{who: "student", method: "POST", path: card, body: `{}`}, 422, "", ""},
		"no such card": {call{who: "student", method: "POST", path: "/api/v1/cards/" + uuid.NewString() + "/packages",
			body: `{"code": "laundry"}`}, 404, "", ""},
		"another's card": {call{who: "other", method: "GET", path: card}, 404, "", ""},
		"nothing to give": {call{who: "student", method: "POST", path: card + "/laundry/withdrawal"}, 404, "package_absent",
			""},
	})

	got := h.do(t, request)
	require.Equal(t, 201, got.status, "%s", got.body)
	asked := read[shownPackage](t, got)
	require.Equal(t, "requested", asked.State)
	require.Equal(t, "开通中", asked.StateText)
	require.Equal(t, asked.CaseID, packagesOf(t, h, "student", card)["laundry"].CaseID)
	h.play(t, map[string]scenario{
		"twice": {request, 409, "package_changing", ""},
		"given back soon": {call{who: "student", method: "POST", path: card + "/laundry/withdrawal"}, 409,
			"package_changing", ""},
	})
	require.Equal(t, "laundry", ask[struct{ Package shownPackage }](t, h, "student",
		"/api/v1/applications/"+asked.CaseID.String()).Package.Code)

	h.Exec(`update packages set state = 'granted'`)
	h.play(t, map[string]scenario{"had already": {request, 409, "package_exists", ""}})
	got = h.do(t, call{who: "student", method: "POST", path: card + "/laundry/withdrawal"})
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "withdrawing", read[shownPackage](t, got).State)
	seen := ask[struct{ Packages []shownPackage }](t, h, "reviewer", "/api/v1/staff/people/"+h.holder.ID.String())
	require.Equal(t, "withdrawing", seen.Packages[0].State)
}

// C2: packages chosen with the application are checked there and then.
func TestPackagesChosenWithTheApplication(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	apply := func(codes ...string) call {
		return applyCall("student", h.application(t, h.holder).with("packages", codes))
	}
	sauna, twice := apply("sauna"), apply("laundry", "laundry")
	h.play(t, map[string]scenario{
		"unknown": {sauna, 422, "package_unknown", "packages"},
		"twice":   {twice, 422, "package_twice", "packages"},
	})
	got := h.do(t, apply("laundry", "laboratory"))
	require.Equal(t, 201, got.status, "%s", got.body)
	require.JSONEq(t, `[{"code": "laundry", "system": "laundry"}, {"code": "laboratory", "system": "laboratory"}]`,
		storagetest.One[string](h.Env, `select packages::text from applications`))
}
