package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// applicant is an application of somebody whom the school has under some criteria, handed in.
func applicant(t *testing.T, criteria string, change ...func(*cards.NewApplication)) *caseTest {
	t.Helper()
	house := workflowtest.New(t, "")
	student := house.Applicant(criteria)
	return stage(t, house, student, house.Apply(student, workflowtest.Good, change...))
}

// without leaves an item out.
func without(item campus.Item) func(*cards.NewApplication) {
	return func(a *cards.NewApplication) {
		var rest []cards.Evidence
		for _, e := range a.Evidence {
			if e.Item != item {
				rest = append(rest, e)
			}
		}
		a.Evidence = rest
	}
}

// byCounter chooses the route without a face.
func byCounter(a *cards.NewApplication) {
	a.Counter, a.ConsentVersion = true, ""
}

// A4: every category with its own checklist, at every level.
func TestApplicantsOfEveryCategory(t *testing.T) {
	t.Parallel()
	asked := func(items ...campus.Item) map[campus.Item]string {
		verdicts := map[campus.Item]string{campus.RegistryItem: "pass", campus.DocumentItem: "pass", campus.PhoneItem: "pass",
			campus.LivenessItem: "pass", campus.PhotoItem: "pass"}
		for _, item := range items {
			verdicts[item] = "pass"
		}
		return verdicts
	}
	student := []campus.Item{campus.CertificateItem}
	abroad := []campus.Item{campus.CertificateItem, campus.ResidenceItem, campus.LetterItem}
	for criteria, papers := range map[string][]campus.Item{
		"kind=plain&category=mainland&level=exchange":                                         student,
		"kind=plain&category=hong_kong_macau&level=postgraduate":                              abroad,
		"kind=plain&category=hong_kong_macau&document_type=residence_permit":                  abroad,
		"kind=plain&category=hong_kong_macau&document_type=travel_permit":                     abroad,
		"kind=plain&category=taiwan&level=exchange":                                           abroad,
		"kind=plain&category=foreign&level=undergraduate":                                     abroad,
		"kind=plain&category=foreign&level=exchange&document_type=passport&status=registered": abroad,
	} {
		t.Run(criteria, func(t *testing.T) {
			t.Parallel()
			p := applicant(t, criteria)
			p.do(func() {
				require.Equal(t, campus.StageReview, p.Case(p.ref).Stage)
				require.Equal(t, asked(papers...), p.Verdicts(p.ref))
			})
			p.review(campus.Approve, "")
			p.activate()
			p.run()
			p.requireEnd(campus.Completed, "")
		})
	}
}

// A4: letters and registrations that are missing, one by one, or wrong.
func TestPapersOfTheInternationalCentre(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		criteria string
		missing  campus.Item
		item     campus.Item
		verdict  string
	}{
		"no letter": {"kind=plain&category=foreign", campus.LetterItem, campus.LetterItem,
			"unknown item_missing"},
		"no registration": {"kind=plain&category=taiwan", campus.ResidenceItem, campus.ResidenceItem,
			"unknown item_missing"},
		"no certificate": {"kind=plain&category=hong_kong_macau", campus.CertificateItem,
			campus.CertificateItem, "unknown item_missing"},
		"a letter that was revoked":     {"kind=letter_revoked", "", campus.LetterItem, "fail letter_expired"},
		"a letter of last year":         {"kind=letter_expired", "", campus.LetterItem, "fail letter_expired"},
		"a letter of another":           {"kind=letter_of_another", "", campus.LetterItem, "fail letter_of_another"},
		"a registration of last year":   {"kind=registration_expired", "", campus.ResidenceItem, "fail residence_expired"},
		"a registration that was ended": {"kind=registration_cancelled", "", campus.ResidenceItem, "fail residence_expired"},
		"a registration of next year": {"kind=registration_later", "", campus.ResidenceItem,
			"fail residence_not_yet_valid"},
		"a registration of another": {"kind=registration_of_another", "", campus.ResidenceItem,
			"fail residence_of_another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := applicant(t, test.criteria, without(test.missing))
			p.do(func() {
				c := p.Case(p.ref)
				require.Equal(t, campus.StageEvidence, c.Stage)
				require.Equal(t, test.verdict, p.Verdicts(p.ref)[test.item])
				require.Equal(t, []string{"notice.evidence_asked"}, p.Notices(p.ref))
			})
			if test.missing == "" {
				p.withdraw()
				p.run()
				p.requireEnd(campus.Withdrawn, "")
				return
			}
			p.decide(campus.BringEvidenceUpdate, campus.Student(p.student.ID), campus.Said{}, func() any {
				return cards.NewEvidence{Evidence: p.Papers(p.student, test.missing)}
			})
			p.do(func() {
				require.Equal(t, campus.StageReview, p.Case(p.ref).Stage)
				require.Equal(t, "pass", p.Verdicts(p.ref)[test.item])
			})
			p.review(campus.Approve, "")
			p.activate()
			p.run()
			p.requireEnd(campus.Completed, "")
		})
	}
}

func TestPaperThatIsNotAskedForIsRefused(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "", workflowtest.Good)
	p.School.Change(p.student, workflowtest.Fields{"phone_foreign": true})
	p.decide(campus.BringEvidenceUpdate, campus.Student(p.student.ID), campus.Said{}, func() any {
		return cards.NewEvidence{Evidence: p.Papers(p.student, campus.LetterItem)}
	}).refused("item_not_asked")
	p.do(func() { require.Equal(t, campus.StageEvidence, p.Case(p.ref).Stage) })
	p.withdraw()
	p.run()
	require.Equal(t, campus.Withdrawn, p.Case(p.ref).Outcome)
}

// A6: freshmen.
func TestFreshman(t *testing.T) {
	t.Parallel()
	const admitted = "kind=admitted&category=mainland"
	// The house's clock is at November 2026; term begins in September 2027.
	begin := campus.Date{Year: 2027, Month: time.September, Day: 1}.Start()
	approved := func(t *testing.T) *caseTest {
		p := applicant(t, admitted)
		p.do(func() {
			require.NotContains(t, p.Verdicts(p.ref), campus.CertificateItem, "there is none yet")
		})
		p.review(campus.Approve, "")
		p.do(func() {
			c := p.Case(p.ref)
			require.Equal(t, campus.StageEnrolment, c.Stage)
			require.Equal(t, campus.WaitsForRegistry, c.WaitsFor)
			require.Equal(t, begin.AddDate(0, 0, 30).UTC(), c.Due.UTC())
			require.Equal(t, []campus.CardState{campus.CardPending}, p.CardStates(p.student))
		})
		p.activate().refused("not_enrolled_yet")
		return p
	}
	enrols := func(p *caseTest) func() {
		return func() { p.School.Change(p.student, workflowtest.Fields{"status": "registered"}) }
	}
	t.Run("enrols, and the card activates by itself", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.after(begin.Sub(p.Clock.Now())).do(enrols(p))
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, []campus.CardState{campus.CardActive}, p.CardStates(p.student))
		require.Equal(t, "applied checking checked liveness_passed photo_matched review_asked approved provisioned activated", p.story())
	})
	t.Run("enrols early, and asks for the card", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.do(enrols(p))
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("asks for the card while the register is away", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.do(func() { p.School.Fault("academic", "outage") })
		p.activate().refused("registry_away")
		p.do(enrols(p))
		p.do(func() { p.School.Fault("academic", "none") })
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	t.Run("asks for the card while our own parts are away", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		away := 0
		p.env = p.newEnv(&around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
			if activity.GetInfo(ctx).ActivityType.Name == "LookForEnrolment" && away < 3 {
				away++
				return nil, engine.ToTemporal(campus.Errorf(campus.Unavailable, campus.DatabaseDown, "Postgres does not answer"))
			}
			return run()
		}})
		p.at, p.replies = 0, nil
		p.review(campus.Approve, "")
		p.do(enrols(p))
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, 3, away)
	})
	t.Run("never arrives, and is cancelled", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.run()
		p.requireEnd(campus.Expired, "not_enrolled")
		p.requireNoCard()
		require.Equal(t, []string{"notice.approved_freshman", "notice.expired"}, p.Notices(p.ref))
	})
	t.Run("withdraws after the card was made", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
		p.requireNoCard()
	})
	t.Run("while the register is out of order, and is asked for again", func(t *testing.T) {
		t.Parallel()
		p := approved(t)
		p.after(begin.Sub(p.Clock.Now())).do(func() { p.School.Fault("academic", "outage") })
		p.after(48 * time.Hour).do(func() {
			require.Equal(t, campus.StageEnrolment, p.Case(p.ref).Stage)
			p.School.Fault("academic", "none")
			enrols(p)()
		})
		p.run()
		p.requireEnd(campus.Completed, "")
	})
	for kind, reason := range map[string]string{"not_admitted": "admission_unknown",
		"admission_declined": "admission_declined"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			house := workflowtest.New(t, "")
			student := house.Applicant("kind=" + kind)
			house.Exec(`update people set status = 'admitted'`) // as the roster had them before
			p := stage(t, house, student, house.Apply(student, workflowtest.Good))
			p.run()
			p.requireEnd(campus.RefusedBy, reason)
		})
	}
}

// submitted is an application that HR has opened for a member of staff (A2).
func submitted(t *testing.T, criteria string) *caseTest {
	t.Helper()
	house := workflowtest.New(t, "")
	lecturer := house.Applicant(criteria)
	return stage(t, house, lecturer, house.Submit(lecturer))
}

// brings is what HR has not handed in for a member of staff.
func (p *caseTest) brings(items ...campus.Item) {
	p.decide(campus.BringEvidenceUpdate, campus.Student(p.student.ID), campus.Said{}, func() any {
		return cards.NewEvidence{Evidence: p.Papers(p.student, items...)}
	})
}

func TestStaffComeThroughHR(t *testing.T) {
	t.Parallel()
	t.Run("bring their document, show their face, and have a card", func(t *testing.T) {
		t.Parallel()
		p := submitted(t, "kind=staff&category=mainland")
		p.do(func() {
			require.Equal(t, campus.StageEvidence, p.Case(p.ref).Stage)
			require.Equal(t, "unknown item_missing", p.Verdicts(p.ref)[campus.DocumentItem])
			require.NotContains(t, p.Verdicts(p.ref), campus.CertificateItem)
		})
		p.brings(campus.DocumentItem)
		p.do(func() { require.Equal(t, campus.StageLiveness, p.Case(p.ref).Stage) })
		p.tryLiveness(workflowtest.Good)
		p.do(func() { require.Equal(t, campus.StageLiveness, p.Case(p.ref).Stage, "B4: not without consent") })
		p.decide(campus.TryLivenessUpdate, campus.Student(p.student.ID), campus.Said{}, func() any {
			answer := p.Answer(p.student, workflowtest.Good)
			answer.Consent = campus.ConsentVersion
			return answer
		})
		p.review(campus.Approve, "")
		p.activate()
		p.replies[1].refused("consent_missing")
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Equal(t, "applied checking evidence_asked evidence_brought checked liveness_asked liveness_tried liveness_passed "+
			"photo_matched review_asked approved provisioned activated", p.story())
	})
	t.Run("have a stale photo at HR", func(t *testing.T) {
		t.Parallel()
		p := submitted(t, "kind=staff_stale_photo")
		p.brings(campus.DocumentItem)
		p.decide(campus.TryLivenessUpdate, campus.Student(p.student.ID), campus.Said{}, func() any {
			answer := p.Answer(p.student, workflowtest.Good)
			answer.Consent = campus.ConsentVersion
			return answer
		})
		p.do(func() {
			require.Equal(t, campus.StagePhoto, p.Case(p.ref).Stage)
			p.School.RenewPhoto(p.student, "")
		})
		p.after(2 * time.Hour).do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
	})
	t.Run("choose the counter", func(t *testing.T) {
		t.Parallel()
		p := submitted(t, "kind=staff&category=hong_kong_macau")
		p.chooseCounter()
		p.brings(campus.DocumentItem)
		p.verify(campus.Pass)
		p.do(func() { require.Equal(t, campus.StageReview, p.Case(p.ref).Stage) })
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
		require.Zero(t, p.School.Calls("liveness_check"))
	})
	t.Run("have left, says HR", func(t *testing.T) {
		t.Parallel()
		p := submitted(t, "kind=staff&category=mainland")
		p.School.Change(p.student, workflowtest.Fields{"status": "left"})
		p.run()
		p.requireEnd(campus.RefusedBy, "not_employed")
	})
	t.Run("are somebody else, says HR", func(t *testing.T) {
		t.Parallel()
		p := submitted(t, "kind=staff&category=mainland")
		p.School.Change(p.student, workflowtest.Fields{"name": "另一个"})
		p.run()
		p.requireEnd(campus.RefusedBy, "hr_disagrees")
		p.requireNoCard()
	})
}

// An outage of HR or of the International Student Service Centre is no verdict: the step parks, and passes when it is
// made.
func TestOutagesOfTheOthersPark(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		begin  func(t *testing.T) *caseTest
		system string
		Steps  []string
		goes   campus.Stage
	}{
		"the Centre": {func(t *testing.T) *caseTest { return applicant(t, "kind=plain&category=foreign") }, "international",
			[]string{string(campus.LetterItem), string(campus.ResidenceItem)}, campus.StageReview},
		"HR": {func(t *testing.T) *caseTest { return submitted(t, "kind=staff&category=mainland") }, "hr",
			[]string{"registry"}, campus.StageEvidence},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := test.begin(t)
			p.School.Fault(test.system, "outage")
			p.do(func() {
				c := p.Case(p.ref)
				require.ElementsMatch(t, test.Steps, c.Parked)
				require.Equal(t, campus.WaitsForOperator, c.WaitsFor)
				for _, step := range test.Steps {
					require.NotEqual(t, "pass", p.Verdicts(p.ref)[campus.Item(step)])
				}
				p.School.Fault(test.system, "none")
			})
			for _, step := range test.Steps {
				p.settle("operator", campus.RetryStep, step, 1)
			}
			p.do(func() {
				require.Equal(t, test.goes, p.Case(p.ref).Stage)
				for _, step := range test.Steps {
					require.Equal(t, "pass", p.Verdicts(p.ref)[campus.Item(step)])
				}
			})
			p.withdraw()
			p.run()
			p.requireEnd(campus.Withdrawn, "")
		})
	}
}

func TestSubmissionsThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	house := workflowtest.New(t, "")
	lecturer, student := house.Applicant("kind=staff&category=mainland"), house.Student()
	submit := func(id string, numbers ...string) ([]storage.Submission, error) {
		return house.SubmitEmployees(t.Context(),
			casework.Callback{Sender: casework.HRSender(storagetest.University), ID: id,
				BodyHash: []byte(id)}, storagetest.University, numbers, house.Policies.Version())
	}
	before := house.Facts()
	for name, numbers := range map[string][]string{"nobody": {"T0"}, "a student": {student.Number},
		"one of two": {lecturer.Number, "T0"}} {
		_, err := submit(uuid.NewString(), numbers...)
		require.Equal(t, "employee_unknown", campus.ReasonOf(err), name)
	}
	require.Equal(t, before, house.Facts(), "all or none")
	first, err := submit("1", lecturer.Number)
	require.NoError(t, err)
	require.Zero(t, storagetest.One[int](house.Env, `select count(*) from line`),
		"colleagues do not stand in the students' line")
	require.Equal(t, 1, storagetest.One[int](house.Env,
		`select count(*) from outbox where kind = 'start' and workflow = 'application'`))
	_, err = submit("1", lecturer.Number)
	require.NoError(t, err, "the same call again")
	again, err := submit("2", lecturer.Number)
	require.NoError(t, err)
	require.Equal(t, []storage.Submission{{Number: lecturer.Number, Outcome: "application_open", ID: first[0].ID}}, again)
}

// B3: the route without a face can be chosen at any point, and from the beginning.
func TestRouteWithoutAFace(t *testing.T) {
	t.Parallel()
	t.Run("from the beginning", func(t *testing.T) {
		t.Parallel()
		p := applicant(t, "kind=plain&category=mainland", byCounter)
		p.do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			require.Equal(t, "chosen", p.Case(p.ref).Reason)
		})
		p.verify(campus.Pass)
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
		require.Zero(t, p.School.Calls("liveness_check"), "no biometric call at all")
		require.Zero(t, p.School.Calls("photo"))
	})
	t.Run("while a paper is missing", func(t *testing.T) {
		t.Parallel()
		p := applicant(t, "kind=plain&category=foreign", without(campus.LetterItem))
		p.chooseCounter()
		p.brings(campus.LetterItem)
		p.do(func() { require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage) })
		p.withdraw()
		p.run()
		p.requireEnd(campus.Withdrawn, "")
		require.Zero(t, p.School.Calls("liveness_check"))
	})
	t.Run("while the face service is out of order", func(t *testing.T) {
		t.Parallel()
		p := newApplication(t, "", workflowtest.Good)
		p.School.Fault("face", "outage")
		p.do(func() { require.Equal(t, []string{"liveness"}, []string(p.Case(p.ref).Parked)) })
		p.chooseCounter()
		p.do(func() {
			require.Equal(t, campus.StageInPerson, p.Case(p.ref).Stage)
			require.Empty(t, p.Case(p.ref).Parked)
		})
		p.verify(campus.Pass)
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		p.requireEnd(campus.Completed, "")
	})
}
