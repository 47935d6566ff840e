package cards_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
)

var (
	laundry    = campus.ChosenPackage{Code: "laundry", System: "laundry"}
	laboratory = campus.ChosenPackage{Code: "laboratory", System: "laboratory"}
)

// request asks for a package for the story's card.
func request(s *storagetest.Story, chosen campus.ChosenPackage) (cards.Package, error) {
	return s.Cards.RequestPackage(s.T.Context(), storagetest.Request(campus.Student(s.Holder.ID)), newPackage(s, chosen))
}

func newPackage(s *storagetest.Story, chosen campus.ChosenPackage) cards.NewPackage {
	return cards.NewPackage{Person: s.Holder.ID, Card: s.Card, Chosen: chosen, PolicyVersion: s.Policies.Version()}
}

// giveBack asks for the withdrawal of a package of the story's card.
func giveBack(s *storagetest.Story, code string) (cards.Package, error) {
	return s.Cards.WithdrawPackage(s.T.Context(), storagetest.Request(campus.Student(s.Holder.ID)), s.Holder.ID, s.Card,
		code, s.Policies.Version())
}

// settle ends the case under way about a package.
func settle(s *storagetest.Story, p cards.Package, next campus.PackageState, refusal string) error {
	m := s.NextMove(campus.CaseRef{Kind: campus.PackageCase, ID: p.CaseID}, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Completed
	return storagetest.Err(s.Cards.SettlePackage(s.T.Context(), m, p.ID, next, refusal))
}

// held are the packages of the story's card as "code state".
func held(s *storagetest.Story) []string {
	s.T.Helper()
	packages, err := s.Cards.CardPackages(s.T.Context(), s.Holder.ID, s.Card)
	require.NoError(s.T, err)
	said := []string{}
	for _, p := range packages {
		said = append(said, p.Code+" "+string(p.State))
	}
	return said
}

// C2: what was chosen with the application begins when the card is active, each as a case of its own.
func TestChosenPackagesBeginWithTheCard(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person := h.Person()
	ref := h.Applied(person, func(a *cards.NewApplication) { a.Packages = []campus.ChosenPackage{laundry, laboratory} })
	s := (&storagetest.Story{Env: h, T: t, Holder: person, Application: ref}).Approve()
	require.Zero(t, storagetest.Count(h, `packages`), "not before the card is active")

	m, activation := s.Activated(), s.Activation()
	require.NoError(t, storagetest.Err(s.ActivateCard(t.Context(), m, activation)))
	require.Equal(t, []string{"laboratory requested", "laundry requested"}, held(s))
	require.Equal(t, 2, storagetest.Count(h,
		`cases where kind = 'package' and stage = 'queued' and person_id = $1 and campus = $2 and policy_version = $3`,
		person.ID, person.Roster.Campus, h.Policies.Version()))
	require.Equal(t, 2, storagetest.Count(h, `outbox o join package_changes c on o.workflow_id = 'package/' || c.case_id
		where o.kind = 'start' and o.workflow = 'package' and c.change = 'grant' and c.actor = $1`, campus.Student(person.ID).String()))
	require.Equal(t, 2, storagetest.Count(h, `events where kind = 'package_requested' and public`))
	require.Equal(t, 2, storagetest.Count(h, `audit where action = 'package.grant'`))

	before := storagetest.Everything(t, h)
	require.NoError(t, storagetest.Err(s.ActivateCard(t.Context(), m, activation)), "delivered twice")
	require.Equal(t, before, storagetest.Everything(t, h))

	plain := storagetest.Apply(t).Activate()
	require.Empty(t, held(plain), "who has chosen nothing gets nothing")
}

func TestPackageFromRequestToWithdrawal(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	asked, err := request(s, laundry)
	require.NoError(t, err)
	require.Equal(t, campus.PackageRequested, asked.State)
	change, err := s.Cards.PackageChange(t.Context(), asked.CaseID)
	require.NoError(t, err)
	require.Equal(t, campus.GrantPackage, change.Change)
	require.Equal(t, []string{"laundry", s.Card.String(), s.Policies.Version()},
		[]string{change.Package.System, change.Package.CardID.String(), change.PolicyVersion})

	require.NoError(t, s.Cards.SavePackageReference(t.Context(), asked.ID, "laundry-7"))
	s.Clock.Advance(time.Minute)
	require.NoError(t, settle(s, asked, campus.PackageGranted, ""))
	require.Equal(t, []string{"laundry granted"}, held(s))

	back, err := giveBack(s, "laundry")
	require.NoError(t, err)
	require.Equal(t, asked.ID, back.ID)
	require.NotEqual(t, asked.CaseID, back.CaseID, "another change, another case")
	change, err = s.Cards.PackageChange(t.Context(), back.CaseID)
	require.NoError(t, err)
	require.Equal(t, campus.WithdrawPackage, change.Change)
	require.Equal(t, "laundry-7", change.Package.Reference)
	s.Clock.Advance(time.Minute)
	require.NoError(t, settle(s, back, campus.PackageWithdrawn, ""))

	s.Clock.Advance(time.Minute)
	again, err := request(s, laundry)
	require.NoError(t, err, "what was given back can be had again")
	require.NotEqual(t, asked.ID, again.ID)
	require.Equal(t, []string{"laundry requested"}, held(s), "the newest only")
	require.NoError(t, settle(s, again, campus.PackageRefused, "no_room"))
	packages, err := s.Cards.PersonPackages(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	require.Len(t, packages, 1)
	require.Equal(t, "no_room", packages[0].Refusal)
	require.Equal(t, again.CaseID, packages[0].CaseID)
	require.NotNil(t, packages[0].EndedAt)
	require.Nil(t, packages[0].GrantedAt)
	require.Equal(t, 1, storagetest.Count(s.Env,
		`packages where state = 'withdrawn' and granted_at < ended_at and reference = 'laundry-7'`))
}

func TestPackageRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	requested, err := request(s, laundry)
	require.NoError(t, err)
	granted, err := request(s, laboratory)
	require.NoError(t, err)
	require.NoError(t, settle(s, granted, campus.PackageGranted, ""))
	stranger := s.Person()
	foreign := newPackage(s, campus.ChosenPackage{Code: "gym", System: "gym"})
	foreign.Person = stranger.ID
	unknown := newPackage(s, laundry)
	unknown.Card = uuid.New()
	for name, test := range map[string]struct {
		ask  func() error
		want string
	}{
		"one that is being set up": {func() error { return storagetest.Err(request(s, laundry)) }, "package_changing"},
		"one that is there":        {func() error { return storagetest.Err(request(s, laboratory)) }, "package_exists"},
		"one for somebody else's card": {func() error {
			return storagetest.Err(s.Cards.RequestPackage(t.Context(), storagetest.Request(campus.Student(stranger.ID)),
				foreign))
		}, "not_found"},
		"one for no card": {func() error {
			return storagetest.Err(s.Cards.RequestPackage(t.Context(), storagetest.Request(campus.Student(s.Holder.ID)),
				unknown))
		}, "not_found"},
		"back, while it is being set up": {func() error { return storagetest.Err(giveBack(s, "laundry")) },
			"package_changing"},
		"back, what is not there": {func() error { return storagetest.Err(giveBack(s, "gym")) }, "package_absent"},
		"back, somebody else's": {func() error {
			return storagetest.Err(s.Cards.WithdrawPackage(t.Context(), storagetest.Request(campus.Student(stranger.ID)),
				stranger.ID, s.Card, "laboratory", "1"))
		}, "not_found"},
		"an end that cannot be": {func() error { return settle(s, requested, campus.PackageWithdrawing, "") },
			"package_state"},
		"a look at somebody else's": {func() error {
			return storagetest.Err(s.Cards.CardPackages(t.Context(), stranger.ID,
				s.Card))
		}, "not_found"},
		"a look at no card's": {func() error {
			return storagetest.Err(s.Cards.CardPackages(t.Context(), s.Holder.ID,
				uuid.New()))
		}, "not_found"},
		"a case about no package": {func() error {
			return storagetest.Err(s.Cards.PackageChange(t.Context(),
				s.Application.ID))
		}, "not_found"},
	} {
		before := storagetest.Everything(t, s.Env)
		require.Equal(t, test.want, storagetest.Outcome(test.ask()), name)
		require.Equal(t, before, storagetest.Everything(t, s.Env), name)
	}
	for _, state := range []campus.CardState{campus.CardPending, campus.CardFrozen, campus.CardLost, campus.CardClosed} {
		s.Exec(`update cards set state = $1`, state)
		require.Equal(t, "card_not_active",
			storagetest.Outcome(storagetest.Err(request(s, campus.ChosenPackage{Code: "gym", System: "gym"}))), state)
	}
	require.NoError(t, storagetest.Err(giveBack(s, "laboratory")), "from a card that is not active, too")
}

func TestSettledPackageTwiceIsOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	asked, err := request(s, laundry)
	require.NoError(t, err)
	m := s.NextMove(campus.CaseRef{Kind: campus.PackageCase, ID: asked.CaseID}, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Completed
	require.NoError(t, storagetest.Err(s.Cards.SettlePackage(t.Context(), m, asked.ID, campus.PackageGranted, "")))
	before := storagetest.Everything(t, s.Env)
	s.Clock.Advance(time.Hour)
	require.NoError(t, storagetest.Err(s.Cards.SettlePackage(t.Context(), m, asked.ID, campus.PackageGranted, "")))
	require.Equal(t, before, storagetest.Everything(t, s.Env))
}

// Of many who ask at once for the same thing one gets it, and one case begins.
func TestPackageRequestsAtOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	errs := storagetest.AtOnce(12, func(int) error { return storagetest.Err(request(s, laundry)) })
	require.Equal(t, map[string]int{"done": 1, "package_changing": 11}, storagetest.Outcomes(errs))
	require.Equal(t, 1, storagetest.Count(s.Env, `packages`))
	require.Equal(t, 1, storagetest.Count(s.Env, `outbox where workflow = 'package'`))

	same := storagetest.Request(campus.Student(s.Holder.ID))
	errs = storagetest.AtOnce(12, func(int) error {
		mine := same
		mine.ID = uuid.Must(uuid.NewV7())
		return storagetest.Err(s.Cards.RequestPackage(t.Context(), mine, newPackage(s, laboratory)))
	})
	require.Equal(t, map[string]int{"done": 12}, storagetest.Outcomes(errs), "one request, sent often: %v", errs)
	require.Equal(t, 2, storagetest.Count(s.Env, `packages`))

	s.Exec(`update packages set state = 'granted'`)
	errs = storagetest.AtOnce(12, func(i int) error {
		return storagetest.Err(giveBack(s,
			[]string{"laundry", "laboratory"}[i%2]))
	})
	require.Equal(t, map[string]int{"done": 2, "package_changing": 10}, storagetest.Outcomes(errs))
	require.Equal(t, 4, storagetest.Count(s.Env, `package_changes`))
}

// The constraint holds whatever the code does.
func TestOneLivePackageOfACode(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	require.NoError(t, storagetest.Err(request(s, laundry)))
	errs := storagetest.AtOnce(1, func(int) error {
		conn := storagetest.Connect(t, s.Env)
		_, err := conn.Exec(t.Context(), `insert into packages (id, card_id, code, system, state, requested_at)
			select gen_random_uuid(), card_id, code, system, 'granted', requested_at from packages`)
		return err
	})
	require.ErrorContains(t, errs[0], "packages_one_live")
}
