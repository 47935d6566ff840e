package cards

import (
	"crypto/hmac"
	"errors"
	"slices"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// NewApplication is what an applicant hands in.
type NewApplication struct {
	Person         uuid.UUID
	Route          campus.Route // the only one that is let in; empty: any but that of staff, who come through HR (A2)
	Levels         []string     // that the university serves (A1); empty: all
	Kiosk          string       // empty: one of the home campus (D2)
	DocumentType   campus.DocumentType
	DocumentNumber string     // as typed; compared with the roster's and not kept
	Evidence       []Evidence // what is left out is asked for later (A4)
	Counter        bool       // B3: the route without a face; then there is neither consent nor liveness
	ConsentVersion string
	Liveness       LivenessAnswer
	PolicyVersion  string
	Packages       []campus.ChosenPackage // C2: granted when the card is active
	Rush           campus.RushPolicy      // C5: where in the line it stands
}

// Accepted is the answer to an application.
type Accepted struct {
	ID    uuid.UUID    `json:"id"`
	Stage campus.Stage `json:"stage"`
}

// IntakeApplication is somebody who applies, with what the tables know about them.
type IntakeApplication struct {
	NewApplication
	ID      uuid.UUID // of the case
	By      campus.Actor
	Request casework.Request // with which the answer is kept
	Trace   string           // W3C traceparent

	who applicantRow
}

// applicantRow is what intake needs to know of a person.
type applicantRow struct {
	N            int
	Owner        casework.CaseOwner `gorm:"embedded"` // gorm passes over what is embedded without a name
	Status       string
	Level        string
	Category     campus.Category
	DocumentType campus.DocumentType
	DocumentHash []byte
	KioskID      *string
	HasCard      bool
	Applied      bool
	Gesture      string       // of their challenge, if it can be used
	Route        campus.Route `gorm:"-"`
	EnrolledOn   campus.Date
}

// OpenApplications opens the cases of those against whom nothing speaks, and says what speaks against the others. The
// people are different ones. The starts are those of the students, who have to be put in the line (C5). Conflict:
// application_open, card_exists. Refused: not_registered, level_not_served, apply_through_hr. Invalid:
// document_mismatch and what campus.CheckDocument says, item_not_asked, upload_missing, challenge_unusable,
// kiosk_unknown.
func OpenApplications(t db.Tx, lot []IntakeApplication) (refusals []error, line []casework.Start, err error) {
	if err := look(t, lot); err != nil {
		return nil, nil, err
	}
	refusals = make([]error, len(lot))
	var files []wantedFile
	for i := range lot {
		if refusals[i] = lot[i].judge(t); refusals[i] == nil {
			files = append(files, lot[i].files()...)
		}
	}
	taken, err := markTaken(t, files)
	if err != nil {
		return nil, nil, err
	}
	accepted := make([]IntakeApplication, 0, len(lot))
	for i, n := range lot {
		if refusals[i] != nil {
			continue
		}
		missing := firstMissing(taken, n.files())
		if missing == nil {
			accepted = append(accepted, n)
		} else if refusals[i], err = refuseFiles(t, n, missing); err != nil {
			return nil, nil, err
		}
	}
	return refusals, inLine(t, accepted), fileNewcomers(t, accepted)
}

// refuseFiles lets go of the files of somebody of whom one is missing, and says why it is: when an application of
// theirs has just taken it, that is the reason.
func refuseFiles(t db.Tx, n IntakeApplication, missing error) (refusal, err error) {
	if err := letGo(t, n.Person, n.ID); err != nil {
		return nil, err
	}
	again := []IntakeApplication{n}
	if err := look(t, again); err != nil {
		return nil, err
	}
	if refusal := again[0].judge(t); refusal != nil {
		return refusal, nil
	}
	return missing, nil
}

// look reads what is known of the people: in SQL only (A1). Not by "exists": Postgres may answer that for many people
// by reading all open applications.
func look(t db.Tx, lot []IntakeApplication) error {
	var rows []applicantRow
	err := t.Raw(`select v.n, p.id as person_id, p.university, p.campus, p.status, p.level, p.category, p.document_type, p.document_hash,
			p.enrolled_on, k.id as kiosk_id, coalesce(c.gesture, '') as gesture,
			card.id is not null as has_card, open.id is not null as applied
		from unnest(cast(@people as uuid[]), cast(@kiosks as text[]), cast(@challenges as uuid[])) with ordinality v (person, kiosk, challenge, n)
			join people p on p.id = v.person
			left join lateral (select id from kiosks where university = p.university and retired_at is null
				and (id = v.kiosk or (v.kiosk = '' and campus = p.campus)) order by id limit 1) k on true
			left join lateral (select id from cards where person_id = p.id and state in ('pending', 'active', 'frozen', 'lost')
				limit 1) card on true
			left join lateral (select id from applications where person_id = p.id and closed_at is null limit 1) open on true
			left join challenges c on c.id = v.challenge and c.person_id = p.id and c.used_at is null and c.expires_at > @now`,
		map[string]any{
			"now":        t.Now,
			"people":     db.IDs(lot, func(n IntakeApplication) uuid.UUID { return n.Person }),
			"kiosks":     db.Column(lot, func(n IntakeApplication) string { return n.Kiosk }),
			"challenges": db.IDs(lot, func(n IntakeApplication) uuid.UUID { return n.Liveness.Challenge }),
		}).Scan(&rows).Error
	for _, row := range rows {
		lot[row.N-1].who = row
	}
	return err
}

// judge compares what was handed in with what is known, and completes it with the route.
func (n *IntakeApplication) judge(t db.Tx) error {
	if n.who.Owner.PersonID == uuid.Nil {
		return campus.Errorf(campus.NotFound, "", "no person %s", n.Person)
	}
	route, err := routeOf(n.who, n.NewApplication)
	if err != nil {
		return err
	}
	n.who.Route = route
	switch {
	case n.who.HasCard:
		return campus.Errorf(campus.Conflict, "card_exists", "the person has a card already")
	case n.who.Applied:
		return campus.Errorf(campus.Conflict, "application_open", "the person has an open application")
	case n.who.KioskID == nil:
		return campus.FieldErrorf("kiosk", "kiosk_unknown", "no kiosk of that name at the university")
	}
	if err := checkAsked(route, n.who.Category, n.Evidence); err != nil {
		return err
	}
	if route != campus.StaffRoute { // of whom HR has said who it is; document and face come with the evidence
		if err := n.checkClaim(t); err != nil {
			return err
		}
	}
	if n.faces() {
		return n.face().check()
	}
	return nil
}

// faces tells whether the application comes with a check of the face (B3).
func (n IntakeApplication) faces() bool { return !n.Counter && n.who.Route != campus.StaffRoute }

func (n IntakeApplication) face() challenged {
	return challenged{n.ID, n.Person, n.who.Gesture, n.Liveness}
}

func (n IntakeApplication) items() []brought { return handedIn(n.ID, n.Person, n.Evidence) }

// files are all uploads the application wants to use.
func (n IntakeApplication) files() []wantedFile {
	return append(filesOf(n.items()), n.face().files()...)
}

// routeOf returns the way on which the person becomes a holder, if it is one that is open here (A1, A2, A6).
func routeOf(who applicantRow, a NewApplication) (campus.Route, error) {
	route, open := campus.RouteOf(who.Status)
	switch {
	case !open, a.Route != "" && a.Route != route:
		return "", campus.Errorf(campus.Refused, "not_registered", "the roster does not have the person as registered")
	case a.Route == "" && route == campus.StaffRoute && !who.Applied:
		return "", campus.Errorf(campus.Refused, "apply_through_hr", "staff apply through the HR system")
	case route != campus.StaffRoute && len(a.Levels) > 0 && !slices.Contains(a.Levels, who.Level):
		return "", campus.Errorf(campus.Refused, "level_not_served", "the university has no card for the level %s", who.Level)
	}
	return route, nil
}

// checkClaim compares the document that is claimed with the roster's (A3, A4).
func (n *IntakeApplication) checkClaim(t db.Tx) error {
	err := campus.CheckDocument(n.DocumentType, n.DocumentNumber, n.who.Category, campus.DateOf(t.Now))
	if known, ok := errors.AsType[*campus.Error](err); ok {
		field := "identity_document.number"
		if known.Reason == "document_category" {
			field = "identity_document.type"
		}
		return campus.FieldErrorf(field, known.Reason, "%s", known.Message)
	}
	claimed := t.Keys.Document(n.DocumentType, n.DocumentNumber)
	if n.who.DocumentType != n.DocumentType || !hmac.Equal(n.who.DocumentHash, claimed) {
		return campus.FieldErrorf("identity_document.number", "document_mismatch",
			"the document number is not the one on the roster")
	}
	return checkLastDay(n.DocumentType, n.Evidence)
}

// deadline is the day a freshman enrols; the others have none.
func (n IntakeApplication) deadline() campus.Date {
	if n.who.Route != campus.FreshmanRoute {
		return campus.Date{}
	}
	return n.who.EnrolledOn
}

// fileNewcomers files the cases with all that belongs to them.
func fileNewcomers(t db.Tx, lot []IntakeApplication) error {
	if len(lot) == 0 {
		return nil
	}
	var items []brought
	var faces []challenged
	cases, events := make([]casework.NewCase, len(lot)), make([]casework.CaseEvent, len(lot))
	audited := make([]casework.Audited, len(lot))
	for i, n := range lot {
		items = append(items, n.items()...)
		if n.faces() {
			faces = append(faces, n.face())
		}
		cases[i] = casework.NewCase{Ref: n.ref(), Owner: n.who.Owner, PolicyVersion: n.PolicyVersion}
		events[i] = casework.CaseEvent{Case: n.ID, Event: campus.Event{Kind: "applied", Actor: n.By, Public: true}}
		audited[i] = casework.Audited{By: n.By, Action: "application.apply", Subject: n.ref().WorkflowID(),
			University: n.who.Owner.University}
	}
	// In this order: each refers to what is written before it.
	return errors.Join(casework.OpenCases(t, cases), insertApplications(t, lot), keepEvidence(t, items),
		insertLivenessTries(t, faces), casework.AddEvents(t, events), casework.AddAudits(t, audited), startColleagues(t, lot))
}

func insertApplications(t db.Tx, lot []IntakeApplication) error {
	return t.Write(`insert into applications (id, person_id, university, kiosk_id, route, counter,
			consent_version, consent_at, packages, created_at)
		select v.id, v.person, v.university, v.kiosk, v.route, v.counter,
			nullif(v.consent, ''), case when v.consent <> '' then cast(@now as timestamptz) end, v.packages::jsonb,
			cast(@now as timestamptz)
		from unnest(cast(@ids as uuid[]), cast(@people as uuid[]), cast(@universities as text[]), cast(@kiosks as text[]),
				cast(@routes as text[]), cast(@counter as boolean[]), cast(@consents as text[]), cast(@packages as text[]))
			v (id, person, university, kiosk, route, counter, consent, packages)`, map[string]any{
		"now":          t.Now,
		"ids":          db.IDs(lot, func(n IntakeApplication) uuid.UUID { return n.ID }),
		"people":       db.IDs(lot, func(n IntakeApplication) uuid.UUID { return n.Person }),
		"universities": db.Column(lot, func(n IntakeApplication) string { return n.who.Owner.University }),
		"kiosks":       db.Column(lot, func(n IntakeApplication) string { return *n.who.KioskID }),
		"routes":       db.Column(lot, func(n IntakeApplication) string { return string(n.who.Route) }),
		"counter":      db.Column(lot, func(n IntakeApplication) bool { return n.Counter }),
		"consents":     db.Column(lot, func(n IntakeApplication) string { return n.ConsentVersion }),
		"packages": db.Column(lot,
			func(n IntakeApplication) string { return db.JSONText(append([]campus.ChosenPackage{}, n.Packages...)) }),
	})
}

func (n IntakeApplication) ref() campus.CaseRef {
	return campus.CaseRef{Kind: campus.ApplicationCase, ID: n.ID}
}

// input starts the workflow.
func (n IntakeApplication) input() campus.CaseInput {
	return campus.CaseInput{Case: n.ref(), University: n.who.Owner.University, Campus: n.who.Owner.Campus,
		Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool}
}

// inLine are the starts of the students, each at its place in the line.
func inLine(t db.Tx, lot []IntakeApplication) (starts []casework.Start) {
	for _, n := range lot {
		if n.who.Route != campus.StaffRoute {
			starts = append(starts, casework.Start{Case: n.ref(), University: n.who.Owner.University,
				Place: n.Rush.Place(t.Now, n.deadline()), Input: db.JSONText(n.input()), Trace: n.Trace})
		}
	}
	return starts
}

// startColleagues starts the workflows of those whom HR submits: at its own pace, so they do not stand in the line of
// the students.
func startColleagues(t db.Tx, lot []IntakeApplication) error {
	for _, n := range lot {
		if n.who.Route != campus.StaffRoute {
			continue
		}
		if err := casework.EnqueueStart(t.Statement.Context, t, n.ref(), string(campus.ApplicationCase),
			n.input()); err != nil {
			return err
		}
	}
	return nil
}
