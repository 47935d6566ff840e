package workflows_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

var (
	laundry    = campus.ChosenPackage{Code: "laundry", System: "laundry"}
	laboratory = campus.ChosenPackage{Code: "laboratory", System: "laboratory"}
)

// choosing is the case of a package that was chosen with an application, whose card is active and whose plastic is
// being made.
func choosing(t *testing.T, chosen campus.ChosenPackage, with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	l := applying(t, "kind=plain&category=mainland",
		func(a *cards.NewApplication) { a.Packages = []campus.ChosenPackage{chosen} })
	l.Work(worker.Config{Around: with})
	l.review(campus.Approve, "")
	l.activate()
	l.plastic()
	l.ref = l.packageCase(l.held()[chosen.Code])
	return l
}

func (l *engineTest) packageCase(p cards.Package) campus.CaseRef {
	return campus.CaseRef{Kind: campus.PackageCase, ID: p.CaseID}
}

// held are the packages of the student by code.
func (l *engineTest) held() map[string]cards.Package {
	l.t.Helper()
	packages, err := l.Cards.PersonPackages(l.t.Context(), l.student.ID)
	require.NoError(l.t, err)
	held := map[string]cards.Package{}
	for _, p := range packages {
		held[p.Code] = p
	}
	return held
}

func (l *engineTest) card() cards.Card {
	l.t.Helper()
	card, err := l.Cards.Card(l.t.Context(),
		storagetest.One[uuid.UUID](l.Env.Env, `select id from cards where person_id = $1`, l.student.ID))
	require.NoError(l.t, err)
	return card
}

// asksFor goes on with the case of a package that the student asks for.
func (l *engineTest) asksFor(chosen campus.ChosenPackage) {
	l.t.Helper()
	p, err := l.Cards.RequestPackage(l.t.Context(), storagetest.Request(campus.Student(l.student.ID)), cards.NewPackage{
		Person: l.student.ID, Card: l.card().ID, Chosen: chosen, PolicyVersion: l.Policies.Version(),
	})
	require.NoError(l.t, err)
	l.ref = l.packageCase(p)
}

// givesBack goes on with the case of a package that the student gives back.
func (l *engineTest) givesBack(held campus.ChosenPackage) {
	l.t.Helper()
	p, err := l.Cards.WithdrawPackage(l.t.Context(), storagetest.Request(campus.Student(l.student.ID)), l.student.ID,
		l.card().ID, held.Code,
		l.Policies.Version())
	require.NoError(l.t, err)
	l.ref = l.packageCase(p)
}

// C2: each package fails and is retried on its own, and the card is used meanwhile.
func TestPackagesFailAlone(t *testing.T) {
	t.Parallel()
	l := applying(t, "kind=plain&category=mainland", func(a *cards.NewApplication) {
		a.Packages = []campus.ChosenPackage{laundry, laboratory, {Code: "dormitory_power", System: "dormitory-power"}}
	})
	l.School.Fault("laundry", "outage")
	l.School.Change(l.student, workflowtest.Fields{"dormitory": ""})
	l.work()
	l.review(campus.Approve, "")
	l.activate()
	l.end(campus.Completed)
	require.Equal(t, campus.CardActive, l.card().State, "the card does not wait for its packages")

	l.ref = l.packageCase(l.held()["laboratory"])
	l.end(campus.Completed)
	l.ref = l.packageCase(l.held()["dormitory_power"])
	l.end(campus.RefusedBy)
	require.Equal(t, "not_a_resident", l.held()["dormitory_power"].Refusal)
	require.Equal(t, []string{"notice.package_refused"}, l.Notices(l.ref))

	l.ref = l.packageCase(l.held()["laundry"])
	l.AwaitParked(l.ref, "subscribe-laundry", 1)
	require.Equal(t, campus.PackageRequested, l.held()["laundry"].State)
	l.School.Fault("laundry", "none")
	l.settle("operator", campus.RetryStep, "subscribe-laundry", 1)
	l.end(campus.Completed)
	require.Equal(t, campus.PackageGranted, l.held()["laundry"].State)
	require.Equal(t, 2, l.School.Effects("subscribe"))
	require.Equal(t, campus.CardActive, l.card().State)
}

// C2: what becomes of the package itself, when two people have given up a change of it.
func TestPackageChangesGivenUp(t *testing.T) {
	t.Parallel()
	for course, want := range map[string]struct {
		code  string
		state campus.PackageState
	}{
		"package-given-up": {laboratory.Code, campus.PackageWithdrawn},
		"package-kept":     {laundry.Code, campus.PackageGranted},
	} {
		t.Run(course, func(t *testing.T) {
			t.Parallel()
			l := recorded[course](t)
			require.Equal(t, want.state, l.held()[want.code].State)
			require.Equal(t, campus.CardActive, l.card().State)
		})
	}
}
