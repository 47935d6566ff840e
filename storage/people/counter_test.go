package people_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func TestFindPeople(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.University("lcvtc")
	someone := func(university string, number, name, phone, place string) storagetest.Person {
		return s.PersonOf(university, func(p *people.RosterPerson) {
			p.Number, p.Name, p.Phone, p.Campus = number, name,
				phone, place
		})
	}
	east := someone(storagetest.University, "7001", "欧阳晓东", "13900001234", storagetest.EastCampus)
	west := someone(storagetest.University, "7002", "欧阳晓西", "13900011234", storagetest.WestCampus)
	odd := someone(storagetest.University, "1234", "100%_王", "13900005678", storagetest.EastCampus)
	latin := s.PersonOf(storagetest.University, func(p *people.RosterPerson) {
		p.Number, p.Name, p.DocumentType, p.DocumentNumber = "T2005001", "MACDONALD-MÜLLER Søren", campus.TravelPermit, "H1234567801"
	})
	passport := s.PersonOf(storagetest.University, func(p *people.RosterPerson) {
		p.Name, p.DocumentType, p.DocumentNumber = "王芳", campus.Passport, "M1234567801"
	})
	someone("lcvtc", "7003", "欧阳晓外", "13900001234", storagetest.EastCampus)
	anywhere, here := s.Colleague(storagetest.CentreGrant), s.Colleague(campus.Grant{Role: campus.CardCentre,
		Campuses: []string{storagetest.EastCampus}})
	find := func(who campus.StaffMember, by campus.SearchKind, q string) (ids []uuid.UUID) {
		found, err := s.People.FindPeople(t.Context(), who, people.PersonSearch{By: by, Q: q, Limit: 20})
		require.NoError(t, err)
		for _, p := range found {
			require.Len(t, p.Phone, campus.PhoneTail)
			ids = append(ids, p.ID)
		}
		return ids
	}
	for name, line := range map[string]struct {
		by   campus.SearchKind
		q    string
		want []uuid.UUID
	}{
		"a number":                      {campus.SearchNumber, "7001", []uuid.UUID{east.ID}},
		"a part of a number":            {campus.SearchNumber, "700", nil},
		"a part of a name":              {campus.SearchName, "阳晓", []uuid.UUID{east.ID, west.ID}},
		"a name with a pattern in it":   {campus.SearchName, "0%_", []uuid.UUID{odd.ID}},
		"a pattern that is no name":     {campus.SearchName, "%晓", nil},
		"the end of a phone":            {campus.SearchPhone, "1234", []uuid.UUID{east.ID, west.ID}},
		"more of a phone":               {campus.SearchPhone, "01234", []uuid.UUID{east.ID}},
		"too little of a phone":         {campus.SearchPhone, "234", nil},
		"the middle of a phone":         {campus.SearchPhone, "0000", nil},
		"a document":                    {campus.SearchDocument, west.Roster.DocumentNumber, []uuid.UUID{west.ID}},
		"a document of nobody":          {campus.SearchDocument, "11010519491231002X", nil},
		"digits: a number or a phone":   {campus.SearchAny, "1234", []uuid.UUID{east.ID, west.ID, odd.ID}},
		"few digits: a number":          {campus.SearchAny, "700", nil},
		"letters: a number or a name":   {campus.SearchAny, "欧阳", []uuid.UUID{east.ID, west.ID}},
		"somebody of another house":     {campus.SearchNumber, "7003", nil},
		"a name nobody has":             {campus.SearchName, "司马", nil},
		"quotes, which are only quotes": {campus.SearchName, `' or ''='`, nil},

		"a name in small letters":          {campus.SearchName, "macdonald", []uuid.UUID{latin.ID}},
		"a name without its accent":        {campus.SearchAny, "muller", []uuid.UUID{latin.ID}},
		"a name in full width":             {campus.SearchName, "ＭＵＬＬＥＲ", []uuid.UUID{latin.ID}},
		"a name in pinyin":                 {campus.SearchAny, "ouyang xiao", []uuid.UUID{east.ID, west.ID}},
		"initials of a name":               {campus.SearchName, "oyxd", []uuid.UUID{east.ID}},
		"pinyin of nobody":                 {campus.SearchName, "ouyangxiaonan", nil},
		"one word of two that is nobody's": {campus.SearchName, "macdonald anna", nil},
		"a backslash and a quote":          {campus.SearchName, `a\"b`, nil},
		"a number in small letters":        {campus.SearchNumber, "t2005001", []uuid.UUID{latin.ID}},
		"a number in full width":           {campus.SearchAny, "７００１ ", []uuid.UUID{east.ID}},
		"a document in small letters": {campus.SearchDocument, campus.NormalizeDocumentNumber("h1234567802"),
			[]uuid.UUID{latin.ID}},
		"a document before it was renewed":  {campus.SearchDocument, "H12345678", []uuid.UUID{latin.ID}},
		"a document of another holder":      {campus.SearchDocument, "H1234567901", nil},
		"a passport that looks like it":     {campus.SearchDocument, "M1234567801", []uuid.UUID{passport.ID}},
		"another passport that looks alike": {campus.SearchDocument, "M1234567802", nil},
	} {
		require.Equal(t, line.want, find(anywhere, line.by, line.q), name)
	}
	require.Equal(t, []uuid.UUID{east.ID}, find(here, campus.SearchName, "欧阳"),
		"A0: people of other campuses do not exist")
	page, err := s.People.FindPeople(t.Context(), anywhere,
		people.PersonSearch{By: campus.SearchName, Q: "欧阳", After: east.ID, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, west.ID, page[0].ID)
	require.Equal(t, 34, storagetest.Count(s.Env, `audit where action = 'people.search' and university = 'lcu'`))
	require.Zero(t, storagetest.Count(s.Env,
		`audit where action = 'people.search' and subject !~ '^by/(any|number|name|phone|document)$'`), "no personal data")
}

// counter is a story with somebody at the counter.
type counter struct {
	*storagetest.Story
	who    campus.StaffMember
	policy campus.CounterPolicy
}

func atCounter(t *testing.T) *counter {
	t.Helper()
	s := storagetest.Apply(t)
	return &counter{s, s.Colleague(storagetest.CentreGrant),
		campus.CounterPolicy{VerificationLife: campus.Duration(15 * time.Minute), VerificationTries: 3}}
}

func (c *counter) verify(who campus.StaffMember, number string) (people.CounterAct, error) {
	return c.People.VerifyAtCounter(c.T.Context(), storagetest.Request(campus.Staff(who.ID)), who, c.policy,
		people.Verification{
			Person: c.Holder.ID, DocumentType: campus.ResidentCard, DocumentNumber: number,
		})
}

func (c *counter) english() error {
	return storagetest.Err(c.SetLanguageAtCounter(c.T.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who,
		people.NewCounterAct{Kind: campus.LanguageAct, Person: c.Holder.ID, Detail: "en", Policy: c.policy}))
}

func TestVerifyAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	right := c.Holder.Roster.DocumentNumber
	act, err := c.verify(c.who, right)
	require.NoError(t, err)
	require.Equal(t, []any{campus.VerificationAct, campus.Pass, c.who.ID}, []any{act.Kind, act.Verdict, act.StaffID})
	require.Equal(t, 1, storagetest.Count(c.Env, `audit where action = 'counter.verify_pass' and subject = $1`,
		"person/"+c.Holder.ID.String()))
	raw := storagetest.One[string](c.Env, `select jsonb_agg(to_jsonb(a))::text from counter_acts a`)
	require.NotContains(t, raw, right, "the number is compared and not kept")

	expired := people.Verification{Person: c.Holder.ID, DocumentType: campus.ResidentCard, DocumentNumber: right,
		ExpiresOn: campus.DateOf(c.Clock.Now()).AddDays(-1)}
	act, err = c.People.VerifyAtCounter(t.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who, c.policy, expired)
	require.NoError(t, err)
	require.Equal(t, []any{campus.Fail, "document_expired"}, []any{act.Verdict, act.Reason})
	expired.ExpiresOn, expired.DocumentType = expired.ExpiresOn.AddDays(1), "passport"
	act, err = c.People.VerifyAtCounter(t.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who, c.policy, expired)
	require.NoError(t, err)
	require.Equal(t, []any{campus.Fail, "document_mismatch"}, []any{act.Verdict, act.Reason})

	other := c.Colleague(storagetest.CentreGrant)
	errs := storagetest.AtOnce(8, func(i int) error {
		return storagetest.Err(c.verify(other,
			storagetest.ResidentNumber(500+i)))
	})
	require.Equal(t, map[string]int{"done": 3, "verification_locked": 5}, storagetest.Outcomes(errs),
		"three wrong ones a day, however many come at once")
	require.Equal(t, "verification_locked", storagetest.Outcome(storagetest.Err(c.verify(other, right))),
		"the right one, too")
	require.NoError(t, storagetest.Err(c.verify(c.who, right)), "a colleague is not locked")
	c.Clock.Advance(14 * time.Hour) // past midnight in Shanghai
	require.NoError(t, storagetest.Err(c.verify(other, right)))

	west := c.Colleague(campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.WestCampus}})
	require.Equal(t, "person_unknown", storagetest.Outcome(storagetest.Err(c.verify(west, right))))
	c.University("lcvtc")
	foreign, _ := c.Staff("lcvtc", storagetest.CentreGrant)
	require.Equal(t, "person_unknown", storagetest.Outcome(storagetest.Err(c.verify(foreign, right))))
}

// L1: nobody acts for somebody whom they have not seen themselves, shortly before.
func TestActingNeedsAFreshVerification(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	right := c.Holder.Roster.DocumentNumber
	const missing = "verification_missing"
	require.Equal(t, missing, storagetest.Outcome(c.english()), "never verified")
	require.NoError(t, storagetest.Err(c.verify(c.Colleague(storagetest.CentreGrant), right)))
	require.Equal(t, missing, storagetest.Outcome(c.english()), "verified by a colleague")
	require.NoError(t, storagetest.Err(c.verify(c.who, right)))
	c.Clock.Advance(15*time.Minute - 1)
	require.NoError(t, c.english())
	c.Clock.Advance(1)
	require.Equal(t, missing, storagetest.Outcome(c.english()), "its life is over to the instant")
	require.NoError(t, storagetest.Err(c.verify(c.who, right)))
	c.Clock.Advance(time.Second)
	require.NoError(t, storagetest.Err(c.verify(c.who, storagetest.ResidentNumber(777))))
	require.Equal(t, missing, storagetest.Outcome(c.english()), "the last look was not passed")
	require.Equal(t, "en", storagetest.One[string](c.Env, `select language from people where id = $1`, c.Holder.ID))
	require.Equal(t, 1, storagetest.Count(c.Env,
		`counter_acts where kind = 'language' and detail = 'en' and done_at is not null and verified_by is not null`))
}

func TestPickupCodeAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	code := c.Deliver()
	act := people.NewCounterAct{Kind: campus.PickupCodeAct, Person: c.Holder.ID, Case: c.PlasticCase.ID, Policy: c.policy}
	req := storagetest.Request(campus.Staff(c.who.ID))
	renew := func() error { return storagetest.Err(c.RenewPickupCodeAtCounter(t.Context(), req, c.who, act)) }
	before := storagetest.Everything(t, c.Env)
	require.Equal(t, "verification_missing", storagetest.Outcome(renew()))
	require.Equal(t, before, storagetest.Everything(t, c.Env))
	require.NoError(t, storagetest.Err(c.verify(c.who, c.Holder.Roster.DocumentNumber)))
	require.NoError(t, renew())
	fresh, err := c.Production.PickupCode(c.CurrentPlastic())
	require.NoError(t, err)
	require.NotEqual(t, code, fresh)
	require.NoError(t, renew(), "the same request again sends no third one")
	same, err := c.Production.PickupCode(c.CurrentPlastic())
	require.NoError(t, err)
	require.Equal(t, fresh, same)
}

func TestUploadAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	up := cards.NewUpload{Person: c.Holder.ID, Purpose: campus.CertificateUpload, ContentType: "image/jpeg", Width: 64,
		Height: 48, Content: storagetest.JPEG(64, 48)}
	add := func() (cards.Upload, error) {
		return c.AddUploadAtCounter(t.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who, up, c.policy)
	}
	objects := len(c.Objects())
	require.Equal(t, "verification_missing", storagetest.Outcome(storagetest.Err(add())))
	require.Len(t, c.Objects(), objects, "nothing is left behind")
	require.NoError(t, storagetest.Err(c.verify(c.who, c.Holder.Roster.DocumentNumber)))
	kept, err := add()
	require.NoError(t, err)
	require.Equal(t, c.who.ID, storagetest.One[uuid.UUID](c.Env, `select staff_id from uploads where id = $1`, kept.ID))
	require.NoError(t, storagetest.Err(c.Cards.OwnUpload(t.Context(), c.Holder.ID, kept.ID)), "it is the person's file")
	require.Equal(t, 1, storagetest.Count(c.Env,
		`counter_acts where id = $1 and kind = 'upload' and detail = 'certificate'`, kept.ID))
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	passed, err := c.verify(c.who, c.Holder.Roster.DocumentNumber)
	require.NoError(t, err)
	receipt, err := c.People.ActReceipt(t.Context(), c.who, passed.ID)
	require.NoError(t, err)
	require.Equal(t, []string{c.Holder.Roster.Name, c.Holder.Roster.Number, "聊城大学", "East Campus", c.who.Name},
		[]string{receipt.PersonName, receipt.PersonNumber, receipt.UniversityZH, receipt.CampusEN, receipt.Act.StaffName})
	require.Equal(t, 1, storagetest.Count(c.Env, `audit where action = 'receipt.read' and subject = $1`,
		"counter_act/"+passed.ID.String()))

	c.PutWhere(c.Application, campus.ActivateUpdate)
	req, n := storagetest.Request(campus.Staff(c.who.ID)), casework.NewDecision{Case: c.Application,
		Update: campus.ActivateUpdate}
	act := people.NewCounterAct{Kind: campus.ActivationAct, Person: c.Holder.ID, Case: c.Application.ID, Policy: c.policy}
	for range 2 { // the same decision may be opened again
		require.NoError(t, storagetest.Err(c.OpenDecisionAtCounter(t.Context(), req, n, c.who, act)))
	}
	decision := req.ID
	require.Equal(t, "receipt_not_yet",
		storagetest.Outcome(storagetest.Err(c.People.ActReceipt(t.Context(), c.who, decision))), "no workflow has taken it")
	m := c.NextMove(c.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Decision = campus.Decision{ID: decision, Update: n.Update, By: req.Actor}
	m.Events = []campus.Event{{Kind: "activated", Actor: campus.Staff(c.who.ID), Public: true}}
	require.NoError(t, storagetest.Err(c.Casework.Record(t.Context(), m)))
	receipt, err = c.People.ActReceipt(t.Context(), c.who, decision)
	require.NoError(t, err)
	require.Equal(t, []any{campus.ActivationAct, c.Application.ID, passed.ID},
		[]any{receipt.Act.Kind, *receipt.Act.CaseID, *receipt.Act.VerifiedBy})

	c.PutWhere(c.Application, campus.VerifyUpdate)
	checked := func(who campus.StaffMember, verdict campus.Verdict) error {
		return storagetest.Err(c.OpenDecisionAtCounter(t.Context(), storagetest.Request(campus.Staff(who.ID)),
			casework.NewDecision{
				Case: c.Application, Update: campus.VerifyUpdate, Said: campus.Said{Action: string(verdict)},
			}, who, people.NewCounterAct{Kind: campus.CheckAct, Person: c.Holder.ID, Case: c.Application.ID, Detail: string(verdict), Policy: c.policy}))
	}
	before := storagetest.Everything(t, c.Env)
	require.Equal(t, "verification_missing",
		storagetest.Outcome(checked(c.Colleague(storagetest.CentreGrant), campus.Pass)), "nobody passes who was not seen")
	require.Equal(t, []string{before["counter_acts"], before["requests"]},
		[]string{storagetest.Everything(t, c.Env)["counter_acts"],
			storagetest.Everything(t, c.Env)["requests"]}, "neither the act nor its decision")
	require.NoError(t, checked(c.Colleague(storagetest.CentreGrant), campus.Fail), "who has no document fails without one")
	west := c.Colleague(campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.WestCampus}})
	require.Equal(t, "receipt_unknown",
		storagetest.Outcome(storagetest.Err(c.People.ActReceipt(t.Context(), west, passed.ID))))
	require.Equal(t, "receipt_unknown",
		storagetest.Outcome(storagetest.Err(c.People.ActReceipt(t.Context(), c.who, uuid.New()))))

	acts, err := c.People.CounterActs(t.Context(), c.Holder.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, acts, 3)
	require.Equal(t, []bool{false, true, true},
		[]bool{acts[0].DoneAt != nil, acts[1].DoneAt != nil, acts[2].DoneAt != nil})
	older, err := c.People.CounterActs(t.Context(), c.Holder.ID, acts[1].ID, 10)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{passed.ID}, []uuid.UUID{older[0].ID})
}

// L1: an application whose workflow has not begun is taken back at the counter, with an act that is done.
func TestWithdrawQueuedAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	req := storagetest.Request(campus.Staff(c.who.ID))
	withdraw := func(req casework.Request) (people.CounterAct, bool, error) {
		return c.WithdrawQueuedAtCounter(t.Context(), req, c.who, people.NewCounterAct{Kind: campus.WithdrawalAct,
			Person: c.Holder.ID, Case: c.Application.ID, Policy: c.policy})
	}
	before := storagetest.Everything(t, c.Env)
	_, done, err := withdraw(req)
	require.Equal(t, "verification_missing", storagetest.Outcome(err))
	require.False(t, done)
	require.Equal(t, before, storagetest.Everything(t, c.Env))

	require.NoError(t, storagetest.Err(c.verify(c.who, c.Holder.Roster.DocumentNumber)))
	for range 2 {
		act, done, err := withdraw(req)
		require.NoError(t, err)
		require.True(t, done)
		require.Equal(t, []any{req.ID, campus.WithdrawalAct}, []any{act.ID, act.Kind})
	}
	require.Equal(t, 1, storagetest.Count(c.Env, `cases where outcome = 'withdrawn' and stage = 'done'`))
	require.Equal(t, 1, storagetest.Count(c.Env, `moves where outcome = 'withdrawn' and decision is null`))
	require.Equal(t, 1, storagetest.Count(c.Env, `counter_acts where kind = $1 and done_at is not null`,
		campus.WithdrawalAct))
	require.NoError(t, storagetest.Err(c.People.ActReceipt(t.Context(), c.who, req.ID)))

	c.Application = c.Applied(c.Holder)
	require.NoError(t, storagetest.Err(c.Cards.BeginApplication(t.Context(),
		c.NextMove(c.Application, campus.StageChecking, campus.WaitsForSchool))))
	before = storagetest.Everything(t, c.Env)
	_, done, err = withdraw(storagetest.Request(campus.Staff(c.who.ID)))
	require.NoError(t, err)
	require.False(t, done, "one that has begun is the workflow's")
	require.Equal(t, before, storagetest.Everything(t, c.Env), "not even the key is used up: the decision needs it")
}
