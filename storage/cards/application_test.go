package cards_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

func TestApply(t *testing.T) {
	t.Parallel()

	t.Run("one case with its evidence, and a place in the line", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		a := h.NewApplication(p)
		accepted, err := h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), a)
		require.NoError(t, err)
		require.Equal(t, campus.StageQueued, accepted.Stage)

		found, err := h.Casework.PersonCase(t.Context(), p.ID, accepted.ID)
		require.NoError(t, err)
		require.Equal(t, campus.WaitsForEngine, found.WaitsFor)
		require.Equal(t, h.Policies.Version(), found.PolicyVersion)
		require.Equal(t, storagetest.EastCampus, found.Campus)
		require.JSONEq(t, `{"case": {"kind": "application", "id": "`+accepted.ID.String()+`"}, "university": "lcu", "campus": "east",
			"stage": "checking", "waits_for": "school"}`,
			storagetest.One[string](h, `select input::text from line where case_id = $1`, accepted.ID))
		require.Equal(t, 4, storagetest.Count(h, `uploads where taken_by = $1`, accepted.ID))
		require.Equal(t, 1, storagetest.Count(h, `challenges where used_at is not null`))
		require.Equal(t, 1, storagetest.Count(h, `audit where action = 'application.apply' and actor = $1`,
			campus.Student(p.ID).String()))
		file, err := h.Cards.ApplicationFile(t.Context(), accepted.ID)
		require.NoError(t, err)
		require.Equal(t, storagetest.EastKiosk, file.KioskID, "D2: the home campus's, when none is named")
		brought, err := h.Cards.Evidence(t.Context(), accepted.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, a.Evidence, brought)
		_, try, err := openLiveness(t, h, campus.CaseRef{Kind: campus.ApplicationCase, ID: accepted.ID})
		require.NoError(t, err)
		require.Equal(t, a.Liveness.Frames, []uuid.UUID(try.Frames))
	})

	t.Run("a kiosk of another campus may be chosen", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		a := h.NewApplication(p)
		a.Kiosk, a.Evidence[0].ExpiresOn = storagetest.WestKiosk, campus.Date{Year: 2040, Month: time.May, Day: 1}
		accepted, err := h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), a)
		require.NoError(t, err)
		file, err := h.Cards.ApplicationFile(t.Context(), accepted.ID)
		require.NoError(t, err)
		require.Equal(t, storagetest.WestKiosk, file.KioskID)
		brought, err := h.Cards.Evidence(t.Context(), accepted.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, a.Evidence, brought)
	})

	t.Run("20 at once of one person are one", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		documents := h.NewApplication(p)
		answers := make([]cards.LivenessAnswer, 20)
		for i := range answers { // all may be true; the files are the same, as when a button is pressed again and again
			answers[i] = h.LivenessAnswer(p.ID)
		}
		errs := storagetest.AtOnce(20, func(i int) error {
			a := documents
			a.Liveness = answers[i]
			return storagetest.Err(h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), a))
		})
		require.Equal(t, map[string]int{"done": 1, "application_open": 19}, storagetest.Outcomes(errs))
		for _, table := range []string{"cases", "applications", "line", "events", "liveness_tries", "audit",
			"challenges where used_at is not null"} {
			require.Equal(t, 1, storagetest.Count(h, table), table)
		}
		require.Equal(t, 4, storagetest.Count(h, "uploads where taken_by is not null"))
	})

	t.Run("one key 20 times at once is one application and one answer", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		a := h.NewApplication(p)
		req := storagetest.Request(campus.Student(p.ID))
		answers := make([]cards.Accepted, 20)
		errs := storagetest.AtOnce(20, func(i int) (err error) {
			mine := req
			mine.ID = uuid.Must(uuid.NewV7())
			answers[i], err = h.Apply(t.Context(), mine, a)
			return err
		})
		require.Equal(t, map[string]int{"done": 20}, storagetest.Outcomes(errs))
		for _, answer := range answers {
			require.Equal(t, answers[0], answer)
		}
		for _, table := range []string{"cases", "applications", "line",
			"requests where route = 'POST /test' and id = (select id from cases)"} {
			require.Equal(t, 1, storagetest.Count(h, table), table)
		}
	})
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	refusals := map[string]struct {
		spoil func(h *storagetest.Env, p storagetest.Person, a *cards.NewApplication)
		code  campus.Code
		want  string
		field string
	}{
		"nobody of that id": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) { a.Person = uuid.New() },
			code:  campus.NotFound, want: "not_found",
		},
		"the roster has the person as suspended": {
			spoil: func(h *storagetest.Env, p storagetest.Person, _ *cards.NewApplication) {
				h.Exec(`update people set status = 'suspended' where id = $1`, p.ID)
			},
			code: campus.Refused, want: "not_registered",
		},
		"another document than the roster's": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.DocumentNumber = storagetest.ResidentNumber(900)
			},
			code: campus.Invalid, want: "document_mismatch", field: "identity_document.number",
		},
		"a kiosk nobody knows": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) { a.Kiosk = "lcu-moon-1" },
			code:  campus.Invalid, want: "kiosk_unknown", field: "kiosk",
		},
		"a kiosk of another university": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				h.University("lcvtc")
				a.Kiosk = "lcvtc-east-1"
			},
			code: campus.Invalid, want: "kiosk_unknown", field: "kiosk",
		},
		"no kiosk left on the home campus": {
			spoil: func(h *storagetest.Env, p storagetest.Person, _ *cards.NewApplication) {
				h.Exec(`update people set campus = $1 where id = $2`, storagetest.WestCampus, p.ID)
				h.Exec(`update kiosks set retired_at = now() where id = $1`, storagetest.WestKiosk)
			},
			code: campus.Invalid, want: "kiosk_unknown", field: "kiosk",
		},
		"a document file that is not there": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Evidence[0].Upload = uuid.New()
			},
			code: campus.Invalid, want: "upload_missing", field: "identity_document.upload",
		},
		"a certificate file that is not there": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Evidence[1].Upload = uuid.New()
			},
			code: campus.Invalid, want: "upload_missing", field: "certificate.upload",
		},
		"somebody else's certificate file": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Evidence[1].Upload = h.Upload(h.Person().ID, campus.CertificateUpload).ID
			},
			code: campus.Invalid, want: "upload_missing", field: "certificate.upload",
		},
		"the document handed in as the certificate": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Evidence[1].Upload = a.Evidence[0].Upload
			},
			code: campus.Invalid, want: "upload_missing", field: "certificate.upload",
		},
		"a document file that was deleted": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				h.Exec(`update uploads set deleted_at = now() where id = $1`, a.Evidence[0].Upload)
			},
			code: campus.Invalid, want: "upload_missing", field: "identity_document.upload",
		},
		"a document file that is about to be deleted": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				h.Exec(`update uploads set taken_by = $1 where id = $2`, uuid.Nil, a.Evidence[0].Upload)
			},
			code: campus.Invalid, want: "upload_missing", field: "identity_document.upload",
		},
		"a challenge that is too old": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, _ *cards.NewApplication) {
				h.Clock.Advance(2 * time.Hour)
			},
			code: campus.Invalid, want: "challenge_unusable", field: "liveness.challenge",
		},
		"somebody else's challenge": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Liveness.Challenge = h.LivenessAnswer(h.Person().ID).Challenge
			},
			code: campus.Invalid, want: "challenge_unusable", field: "liveness.challenge",
		},
		"a challenge that was answered before": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				h.Exec(`update challenges set used_at = now() where id = $1`, a.Liveness.Challenge)
			},
			code: campus.Invalid, want: "challenge_unusable", field: "liveness.challenge",
		},
		"somebody else's frame": {
			spoil: func(h *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Liveness.Frames[1] = h.Upload(h.Person().ID, campus.FrameUpload).ID
			},
			code: campus.Invalid, want: "upload_missing", field: "liveness.frames",
		},
		"the same frame twice": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) {
				a.Liveness.Frames[1] = a.Liveness.Frames[0]
			},
			code: campus.Invalid, want: "upload_missing", field: "liveness.frames",
		},
		"no frame at all": {
			spoil: func(_ *storagetest.Env, _ storagetest.Person, a *cards.NewApplication) { a.Liveness.Frames = nil },
			code:  campus.Invalid, want: "upload_missing", field: "liveness.frames",
		},
		"an application that is open": {
			spoil: func(h *storagetest.Env, p storagetest.Person, _ *cards.NewApplication) { h.Applied(p) },
			code:  campus.Conflict, want: "application_open",
		},
	}
	h := storagetest.New(t) // one for all: a refusal leaves nothing behind
	for name, test := range refusals {
		p := h.Person()
		a := h.NewApplication(p)
		test.spoil(h, p, &a)
		before := storagetest.Everything(t, h)
		_, err := h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), a)
		require.Equal(t, test.want, storagetest.Outcome(err), name)
		require.Equal(t, test.code, campus.CodeOf(err), name)
		requireField(t, test.field, err)
		require.Equal(t, before, storagetest.Everything(t, h), name)
	}
}

func TestApplyWithACard(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	for _, state := range []campus.CardState{campus.CardPending, campus.CardActive, campus.CardFrozen, campus.CardLost} {
		s.Exec(`update cards set state = $1`, state)
		a := s.NewApplication(s.Holder)
		before := storagetest.Everything(t, s.Env)
		_, err := s.Apply(t.Context(), storagetest.Request(campus.Student(s.Holder.ID)), a)
		require.Equal(t, "card_exists", campus.ReasonOf(err), state)
		require.Equal(t, before, storagetest.Everything(t, s.Env), state)
	}
	s.Exec(`update cards set state = 'closed'`)
	s.Applied(s.Holder) // one that is over does not stand in the way
}

func requireField(t *testing.T, want string, err error) {
	t.Helper()
	var ours *campus.Error
	require.ErrorAs(t, err, &ours)
	require.Equal(t, want, ours.Field)
}

func TestWithdrawQueued(t *testing.T) {
	t.Parallel()

	t.Run("is done without the workflow, which then finds it withdrawn", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		student := campus.Student(s.Holder.ID)
		req := storagetest.Request(student)
		for range 2 {
			by, err := s.WithdrawQueued(t.Context(), req, s.Application.ID)
			require.NoError(t, err)
			require.Equal(t, req.ID, by, "the same request gets the same answer")
		}
		require.Equal(t, 1, storagetest.Count(s.Env, `events where kind = 'withdrawn'`))
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'application.withdraw' and actor = $1`,
			student.String()))
		begun, err := s.Cards.BeginApplication(t.Context(),
			s.NextMove(s.Application, campus.StageChecking, campus.WaitsForSchool))
		require.NoError(t, err)
		require.Equal(t, campus.Withdrawn, begun.Case.Moved.Outcome)
		require.Equal(t, string(campus.StageDone), storagetest.One[string](s.Env, `select stage from cases`),
			"it is not begun again")
		s.Applied(s.Holder) // and may be made again
	})

	t.Run("one that has begun is the workflow's", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		_, err := s.Cards.BeginApplication(t.Context(),
			s.NextMove(s.Application, campus.StageChecking, campus.WaitsForSchool))
		require.NoError(t, err)
		before := storagetest.Everything(t, s.Env)
		by, err := s.WithdrawQueued(t.Context(), storagetest.Request(campus.Student(s.Holder.ID)), s.Application.ID)
		require.NoError(t, err)
		require.Equal(t, uuid.Nil, by)
		require.Equal(t, before, storagetest.Everything(t, s.Env), "not even the key is used up: the decision needs it")
	})

	t.Run("at the same time as the workflow begins, one of the two wins", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		var begun cards.Begun
		var by uuid.UUID
		errs := storagetest.AtOnce(2, func(i int) (err error) {
			if i == 0 {
				begun, err = s.Cards.BeginApplication(t.Context(),
					campus.Move{Case: s.Application, Version: 1, Stage: campus.StageChecking})
				return err
			}
			by, err = s.WithdrawQueued(t.Context(), storagetest.Request(campus.Student(s.Holder.ID)), s.Application.ID)
			return err
		})
		require.Equal(t, map[string]int{"done": 2}, storagetest.Outcomes(errs))
		require.Equal(t, begun.Case.Moved.Outcome == campus.Withdrawn, by != uuid.Nil)
	})

	t.Run("an application nobody knows is not found", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		_, err := h.WithdrawQueued(t.Context(), storagetest.Request(campus.System()), uuid.New())
		require.Equal(t, campus.NotFound, campus.CodeOf(err))
	})
}

// Applications that arrive together are taken in one transaction. What speaks against one of them is nobody else's
// matter.
func TestApplyTogether(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	const people = 60
	jobs := make([]cards.NewApplication, people)
	reqs := make([]casework.Request, people)
	for i := range jobs {
		p := h.Person()
		jobs[i], reqs[i] = h.NewApplication(p), storagetest.Request(campus.Student(p.ID))
	}
	jobs[7].Evidence[1].Upload = uuid.New()
	jobs[8].DocumentNumber = storagetest.ResidentNumber(900)
	jobs[9].Liveness.Challenge = jobs[10].Liveness.Challenge
	jobs[11].Counter, jobs[11].Liveness, jobs[11].ConsentVersion = true, cards.LivenessAnswer{}, ""
	reqs[12].Key = reqs[13].Key // another request under the same key: one of the two is refused
	jobs[14].Packages = []campus.ChosenPackage{{Code: "laundry", System: "laundry"}}
	errs := storagetest.AtOnce(2*people, func(i int) error { // each is sent twice, as by an impatient client
		req := reqs[i%people]
		req.ID = uuid.Must(uuid.NewV7())
		return storagetest.Err(h.Apply(t.Context(), req, jobs[i%people]))
	})
	require.Equal(t, map[string]int{
		"done": 2 * (people - 4), "upload_missing": 2, "document_mismatch": 2, "challenge_unusable": 2, "idempotency_key_reused": 2,
	}, storagetest.Outcomes(errs))
	for _, table := range []string{"cases", "applications", "line", "requests where id in (select id from cases)",
		"audit", "events where kind = 'applied'"} {
		require.Equal(t, people-4, storagetest.Count(h, table), table)
	}
	require.Equal(t, people-5, storagetest.Count(h, "liveness_tries where seq = 1"))
	require.Equal(t, people-5, storagetest.Count(h, "challenges where used_at is not null"))
	require.Equal(t, 4*(people-5)+2, storagetest.Count(h, "uploads where taken_by is not null"))
	require.Equal(t, 1, storagetest.Count(h,
		"applications where counter and consent_at is null and consent_version is null"))
	require.Equal(t, 1, storagetest.Count(h, `applications where packages = '[{"code": "laundry", "system": "laundry"}]'`))
	require.Zero(t, storagetest.Count(h,
		`evidence e where not exists (select 1 from uploads where id = e.upload_id and taken_by = e.application_id)`))
}

// Two houses, each with lots of its own, may be asked for the same people at once.
func TestApplyTogetherFromTwoProcesses(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	other, err := storage.Open(t.Context(), h.Config, h.Clock.Now, h.Log)
	require.NoError(t, err)
	defer other.Close()
	const people = 30
	jobs := make([]cards.NewApplication, people)
	for i := range jobs {
		jobs[i] = h.NewApplication(h.Person())
	}
	errs := storagetest.AtOnce(4*people, func(i int) error {
		store, job := h.Store, jobs[i%people]
		if i >= 2*people { // in the other order
			store, job = other, jobs[people-1-i%people]
		}
		return storagetest.Err(store.Apply(t.Context(), storagetest.Request(campus.Student(job.Person)), job))
	})
	require.Equal(t, map[string]int{"done": people, "application_open": 3 * people}, storagetest.Outcomes(errs))
	require.Equal(t, people, storagetest.Count(h, "line"))
	require.Equal(t, people, storagetest.Count(h, "requests where id in (select id from cases)"))
}

// What another process adds after this one has looked is seen by another look, and is no fault of ours.
func TestApplyAgainstAnotherProcess(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	stores := []*storage.Store{h.Store}
	for range 3 {
		other, err := storage.Open(t.Context(), h.Config, h.Clock.Now, h.Log)
		require.NoError(t, err)
		defer other.Close()
		stores = append(stores, other)
	}
	for range 10 {
		person, jobs := h.Person(), make([]cards.NewApplication, len(stores))
		for i := range jobs { // each with files of its own, or they would wait for each other there
			jobs[i] = h.NewApplication(person)
		}
		errs := storagetest.AtOnce(len(stores), func(i int) error {
			return storagetest.Err(stores[i].Apply(t.Context(), storagetest.Request(campus.Student(person.ID)), jobs[i]))
		})
		require.Equal(t, map[string]int{"done": 1, "application_open": len(stores) - 1}, storagetest.Outcomes(errs))
	}
}
