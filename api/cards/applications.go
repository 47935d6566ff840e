package cards

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
)

// documentInput is an identity document as the applicant hands it in. The number is compared with the roster's.
type documentInput struct {
	Type   campus.DocumentType `json:"type" enum:"resident_card,residence_permit,travel_permit,passport,permanent_residence_card" doc:"Which one depends on where somebody is from (A4)"`
	Number string              `json:"number" minLength:"1" maxLength:"40"`
	DocumentPicture
}

// DocumentPicture is the picture of an identity document with the days it is valid.
type DocumentPicture struct {
	ValidFrom    campus.Date `json:"valid_from,omitempty" required:"false" format:"date"`
	ExpiresOn    campus.Date `json:"expires_on,omitempty" required:"false" format:"date" doc:"Last valid day; left out with never_expires"`
	NeverExpires bool        `json:"never_expires,omitempty" required:"false" doc:"长期"`
	Upload       uuid.UUID   `json:"upload" format:"uuid"`
}

// paperInput is a paper that the office which has issued it knows by a code.
type paperInput struct {
	Upload uuid.UUID `json:"upload" format:"uuid"`
	Code   string    `json:"code" minLength:"4" maxLength:"40" pattern:"^[A-Za-z0-9-]+$" doc:"Verification code of the electronic certificate, number of the letter or of the registration"`
}

// PapersInput are the papers of the checklist. A paper that is left out is asked for later, and the rest is kept (A4).
type PapersInput struct {
	Certificate *paperInput `json:"certificate,omitempty" required:"false" doc:"Enrolment certificate; students only"`
	Residence   *paperInput `json:"residence_registration,omitempty" required:"false" doc:"Temporary residence registration; not for mainland students"`
	Letter      *paperInput `json:"issc_letter,omitempty" required:"false" doc:"Letter of the International Student Service Centre; not for mainland students"`
}

// evidence returns the papers that are there.
func (p PapersInput) evidence() []cards.Evidence {
	var brought []cards.Evidence
	for _, paper := range []struct {
		item campus.Item
		in   *paperInput
	}{{campus.CertificateItem, p.Certificate}, {campus.ResidenceItem, p.Residence}, {campus.LetterItem, p.Letter}} {
		if paper.in != nil {
			brought = append(brought, cards.Evidence{Item: paper.item, Upload: paper.in.Upload, Code: paper.in.Code})
		}
	}
	return brought
}

// LivenessInput is the answer to a challenge.
type LivenessInput struct {
	Challenge uuid.UUID   `json:"challenge" format:"uuid"`
	Frames    []uuid.UUID `json:"frames" minItems:"2" maxItems:"8" doc:"Uploads, in the order they were taken"`
}

type consentInput struct {
	Biometrics bool   `json:"biometrics"`
	Version    string `json:"version" maxLength:"20" doc:"Of the text that was agreed to, see /api/v1/consents/biometrics"`
}

// ApplicationBody is the application as it is handed in.
type ApplicationBody struct {
	Kiosk    string        `json:"kiosk,omitempty" required:"false" maxLength:"60" doc:"Where the plastic is picked up; one of the home campus if left out"`
	Document documentInput `json:"identity_document"`
	PapersInput
	Counter  bool           `json:"counter,omitempty" required:"false" doc:"Be checked in person at the counter instead of by the face; then liveness and consent are left out"`
	Liveness *LivenessInput `json:"liveness,omitempty" required:"false"`
	Consent  *consentInput  `json:"consent,omitempty" required:"false"`
	Packages []string       `json:"packages,omitempty" required:"false" maxItems:"20" doc:"Codes of /api/v1/packages, set up when the card is active"`
}

type applicationInput struct{ Body ApplicationBody }

// apply takes an application, whether or not Temporal or any of the school's systems answers (C5).
func (s *Server) apply(ctx context.Context, in *applicationInput) (*core.Answer[cards.Accepted], error) {
	application, err := s.NewApplication(ctx, core.Person(ctx).ID, core.Person(ctx).University, in.Body)
	if err != nil {
		return nil, err
	}
	accepted, err := s.Store.Apply(ctx, s.Request(ctx), application)
	return core.Answered(accepted), err
}

// NewApplication returns what an applicant hands in, themselves or at the counter.
func (s *Server) NewApplication(ctx context.Context, applicant uuid.UUID, university string,
	b ApplicationBody) (cards.NewApplication, error) {
	document, err := s.documentEvidence(b.Document.DocumentPicture)
	if err != nil {
		return cards.NewApplication{}, err
	}
	application := cards.NewApplication{
		Person: applicant, Levels: s.Policies.For(university).Application.Levels, Kiosk: b.Kiosk,
		DocumentType: b.Document.Type, DocumentNumber: campus.NormalizeDocumentNumber(b.Document.Number),
		Evidence: append([]cards.Evidence{document},
			b.evidence()...), Counter: b.Counter, PolicyVersion: s.Policies.Version(),
		Rush: s.Policies.For("").Rush,
	}
	if err := addFace(&application, b); err != nil {
		return application, err
	}
	application.Packages, err = s.choosePackages(ctx, applicant, "packages", b.Packages...)
	return application, err
}

// addFace takes the liveness check and the consent that comes before it (B4), or neither when the route without a face
// was chosen (B3).
func addFace(a *cards.NewApplication, b ApplicationBody) error {
	switch {
	case b.Counter:
		return refuseFace(b)
	case b.Consent == nil:
		return campus.FieldErrorf("consent", "consent_missing", "the check of the face needs consent")
	case b.Liveness == nil:
		return campus.FieldErrorf("liveness", "liveness_missing", "the check of the face needs pictures")
	}
	if err := checkConsent(*b.Consent); err != nil {
		return err
	}
	a.ConsentVersion = b.Consent.Version
	a.Liveness = cards.LivenessAnswer{Challenge: b.Liveness.Challenge, Frames: b.Liveness.Frames}
	return checkFrames("liveness.frames", *b.Liveness)
}

// refuseFace refuses, each at its own field, the pictures of a face and the consent of who has chosen the check in
// person (B3).
func refuseFace(b ApplicationBody) error {
	var fields []string
	if b.Liveness != nil {
		fields = append(fields, "liveness")
	}
	if b.Consent != nil {
		fields = append(fields, "consent")
	}
	if len(fields) == 0 {
		return nil
	}
	return &campus.Error{Code: campus.Invalid, Reason: "face_not_needed", Field: fields[0], Also: fields[1:],
		Message: "who is checked in person hands in no pictures of their face, and no consent"}
}

// checkConsent wants the present text agreed to (B4).
func checkConsent(c consentInput) error {
	if !c.Biometrics {
		return campus.FieldErrorf("consent.biometrics", "consent_missing", "the check of the face needs consent")
	}
	if c.Version != campus.ConsentVersion {
		return campus.FieldErrorf("consent.version", "consent_old", "the consent is for another text than the present one")
	}
	return nil
}

// documentEvidence returns the picture of an identity document, valid today (A3).
func (s *Server) documentEvidence(d DocumentPicture) (cards.Evidence, error) {
	return cards.Evidence{Item: campus.DocumentItem, Upload: d.Upload, ValidFrom: d.ValidFrom, ExpiresOn: d.ExpiresOn},
		checkDays(d, campus.DateOf(s.Store.Now()))
}

func checkDays(d DocumentPicture, today campus.Date) error {
	err := campus.CheckExpiry(d.ExpiresOn, d.NeverExpires)
	if err == nil {
		err = campus.CheckValid(d.ValidFrom, d.ExpiresOn, today)
	}
	return core.Below("identity_document", err)
}

func checkFrames(field string, l LivenessInput) error {
	seen := map[uuid.UUID]bool{}
	for _, frame := range l.Frames {
		if seen[frame] {
			return campus.FieldErrorf(field, "frame_twice", "the same frame is there twice")
		}
		seen[frame] = true
	}
	return nil
}

type caseListInput struct {
	core.PageQuery
	Kind holderKind `query:"kind" doc:"Only cases of this kind"`
}

// holderKind is a kind of case that is about a person.
type holderKind campus.CaseKind

// Schema implements huma.SchemaProvider.
func (holderKind) Schema(huma.Registry) *huma.Schema {
	return core.OneOf(slices.DeleteFunc(campus.CaseKinds(), func(kind campus.CaseKind) bool { return !kind.Rule().Holder }))
}

// listApplications returns one's cases, newest first.
func (s *Server) listApplications(ctx context.Context, in *caseListInput) (*core.Answer[core.Page[CaseView]], error) {
	kind := campus.CaseKind(in.Kind)
	if kind == "" {
		kind = campus.ApplicationCase
	}
	show := func(c casework.Case) CaseView { return s.CaseOf(core.Language(ctx), c) }
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]casework.Case, error) {
		return s.Store.Casework.PersonCases(ctx, core.Person(ctx).ID, kind, after, limit)
	}, show, func(c casework.Case) uuid.UUID { return c.ID })
}

// getApplication returns everything a student follows (C4).
func (s *Server) getApplication(ctx context.Context, in *core.CaseInput) (*core.Answer[caseDetail], error) {
	c, err := s.Store.Casework.PersonCase(ctx, core.Person(ctx).ID, in.ID)
	if err != nil {
		return nil, err
	}
	return s.caseDetail(ctx, c)
}

// ownDecision carries out a student's decision about their own case.
func (s *Server) ownDecision(ctx context.Context, id uuid.UUID, name string, payload any) (*core.DecisionAnswer,
	error) {
	c, err := s.ownApplication(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.CaseDecision(ctx, c, name, payload)
}

func (s *Server) ownApplication(ctx context.Context, id uuid.UUID) (casework.Case, error) {
	c, err := s.Store.Casework.PersonCase(ctx, core.Person(ctx).ID, id)
	if err == nil && c.Kind != campus.ApplicationCase {
		err = campus.Errorf(campus.NotFound, "", "no application %s", id)
	}
	return c, err
}

type livenessTryInput struct {
	core.CaseInput
	Body struct {
		LivenessInput
		Consent *consentInput `json:"consent,omitempty" required:"false" doc:"Needed once, if there is none on file"`
	}
}

func (s *Server) tryLiveness(ctx context.Context, in *livenessTryInput) (*core.DecisionAnswer, error) {
	if err := checkFrames("frames", in.Body.LivenessInput); err != nil {
		return nil, err
	}
	tried := cards.LivenessAnswer{Challenge: in.Body.Challenge, Frames: in.Body.Frames}
	if c := in.Body.Consent; c != nil {
		if err := checkConsent(*c); err != nil {
			return nil, err
		}
		tried.Consent = c.Version
	}
	return s.ownDecision(ctx, in.ID, campus.TryLivenessUpdate, tried)
}

func (s *Server) chooseCounter(ctx context.Context, in *core.CaseInput) (*core.DecisionAnswer, error) {
	return s.ownDecision(ctx, in.ID, campus.ChooseCounterUpdate, struct{}{})
}

// EvidenceBody is the evidence that was asked for.
type EvidenceBody struct {
	Document *DocumentPicture `json:"identity_document,omitempty" required:"false"`
	PapersInput
	Recheck []campus.Item `json:"recheck,omitempty" required:"false" enum:"phone" maxItems:"1" doc:"Says that nothing is handed in because it was put right elsewhere: the phone, at the carrier or by another number. Everything is looked at again in any case"`
}

type evidenceInput struct {
	core.CaseInput
	Body EvidenceBody
}

// bringEvidence takes evidence that was asked for; items that are left out stay as they are (A4).
func (s *Server) bringEvidence(ctx context.Context, in *evidenceInput) (*core.DecisionAnswer, error) {
	brought, err := s.NewEvidence(in.Body)
	if err != nil {
		return nil, err
	}
	return s.ownDecision(ctx, in.ID, campus.BringEvidenceUpdate, brought)
}

// NewEvidence is what a request brings, for storage. Invalid: the field that is wrong.
func (s *Server) NewEvidence(b EvidenceBody) (cards.NewEvidence, error) {
	brought := cards.NewEvidence{Evidence: b.evidence()}
	if d := b.Document; d != nil {
		document, err := s.documentEvidence(*d)
		if err != nil {
			return brought, err
		}
		brought.Evidence = append(brought.Evidence, document)
	}
	if len(brought.Evidence)+len(b.Recheck) == 0 {
		return brought, campus.Errorf(campus.Invalid, "evidence_empty", "nothing was brought")
	}
	return brought, nil
}

func (s *Server) activate(ctx context.Context, in *core.CaseInput) (*core.DecisionAnswer, error) {
	return s.ownDecision(ctx, in.ID, campus.ActivateUpdate, struct{}{})
}

func (s *Server) reopen(ctx context.Context, in *core.CaseInput) (*core.DecisionAnswer, error) {
	return s.ownDecision(ctx, in.ID, campus.ReopenUpdate, struct{}{})
}

// withdraw works at any point: in SQL while the case is queued, by its workflow afterwards.
func (s *Server) withdraw(ctx context.Context, in *core.CaseInput) (*core.DecisionAnswer, error) {
	c, err := s.ownApplication(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	request := s.Request(ctx)
	if c.Stage == campus.StageQueued || c.Outcome == campus.Withdrawn {
		queued := request
		queued.Key += "/queued" // the workflow may have begun meanwhile; then the key itself is for its update
		done, err := s.Store.WithdrawQueued(ctx, queued, in.ID)
		if err != nil {
			return nil, err
		}
		if done != uuid.Nil {
			return &core.DecisionAnswer{Status: http.StatusOK, Body: core.DecisionView{
				ID: done, Status: "done", Stage: campus.StageDone, Outcome: campus.Withdrawn,
			}}, nil
		}
		if c, err = s.ownApplication(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	return s.CaseDecision(ctx, c, campus.WithdrawUpdate, struct{}{})
}

type consentView struct {
	Version string `json:"version"`
	Text    string `json:"text"`
}

// getConsent returns the text a student agrees to before any biometric call (B4).
func (s *Server) getConsent(ctx context.Context, _ *struct{}) (*core.Answer[consentView], error) {
	return core.Answered(consentView{campus.ConsentVersion,
		campus.Text(core.Language(ctx), "consent.biometrics", nil)}), nil
}
