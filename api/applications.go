package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/workflows"
)

// documentInput is an identity document as the student hands it in. The number is compared with the roster's.
type documentInput struct {
	Type         campus.DocumentType `json:"type" enum:"resident_card"`
	Number       string              `json:"number" minLength:"1" maxLength:"40"`
	ExpiresOn    campus.Date         `json:"expires_on,omitempty" required:"false" format:"date" doc:"Last valid day; left out with never_expires"`
	NeverExpires bool                `json:"never_expires,omitempty" required:"false" doc:"长期"`
	Upload       uuid.UUID           `json:"upload" format:"uuid"`
}

type certificateInput struct {
	Upload uuid.UUID `json:"upload" format:"uuid"`
	Code   string    `json:"code" minLength:"4" maxLength:"40" pattern:"^[A-Za-z0-9-]+$" doc:"Verification code of the electronic certificate"`
}

type livenessInput struct {
	Challenge uuid.UUID   `json:"challenge" format:"uuid"`
	Frames    []uuid.UUID `json:"frames" minItems:"2" maxItems:"8" doc:"Uploads, in the order they were taken"`
}

type consentInput struct {
	Biometrics bool   `json:"biometrics"`
	Version    string `json:"version" maxLength:"20" doc:"Of the text that was agreed to, see /api/v1/consents/biometrics"`
}

type applicationInput struct {
	Body struct {
		Kiosk       string           `json:"kiosk,omitempty" required:"false" maxLength:"60" doc:"Where the plastic is picked up; one of the home campus if left out"`
		Document    documentInput    `json:"identity_document"`
		Certificate certificateInput `json:"certificate"`
		Liveness    livenessInput    `json:"liveness"`
		Consent     consentInput     `json:"consent"`
		Packages    []string         `json:"packages,omitempty" required:"false" maxItems:"20" doc:"Codes of /api/v1/packages, set up when the card is active"`
	}
}

// apply takes an application, whether or not Temporal or any of the school's systems answers (C5).
func (s *Server) apply(ctx context.Context, in *applicationInput) (*answer[storage.Accepted], error) {
	if err := checkConsent(in.Body.Consent); err != nil {
		return nil, err
	}
	number, err := s.checkDocument(in.Body.Document)
	if err != nil {
		return nil, err
	}
	if err := checkFrames("liveness.frames", in.Body.Liveness); err != nil {
		return nil, err
	}
	packages, err := s.choosePackages(ctx, "packages", in.Body.Packages...)
	if err != nil {
		return nil, err
	}
	accepted, err := s.store.Apply(ctx, s.request(ctx), storage.NewApplication{
		Packages: packages,
		Person:   person(ctx).ID, Kiosk: in.Body.Kiosk, DocumentNumber: number,
		DocumentExpiresOn: in.Body.Document.ExpiresOn, DocumentUpload: in.Body.Document.Upload,
		CertificateUpload: in.Body.Certificate.Upload, CertificateCode: in.Body.Certificate.Code,
		ConsentVersion: in.Body.Consent.Version, PolicyVersion: s.policies.Version(),
		Liveness: storage.LivenessAnswer{Challenge: in.Body.Liveness.Challenge, Frames: in.Body.Liveness.Frames},
	})
	return answered(accepted), err
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

// checkDocument answers the number in its stored form (A3).
func (s *Server) checkDocument(d documentInput) (string, error) {
	number := campus.NormalizeDocumentNumber(d.Number)
	today := campus.DateOf(s.store.Now())
	if err := campus.CheckResidentNumber(number, today); err != nil {
		return "", inField("identity_document.number", err)
	}
	return number, checkExpiry(d.ExpiresOn, d.NeverExpires, today)
}

// inField tells where in the request the wrong thing stands, of which a rule knows only what is wrong.
func inField(field string, err error) error {
	if known, ok := errors.AsType[*campus.Error](err); ok && known.Code == campus.Invalid {
		moved := *known
		moved.Field = field
		return &moved
	}
	return err
}

func checkExpiry(expires campus.Date, never bool, today campus.Date) error {
	switch {
	case never != expires.IsZero():
		return campus.FieldErrorf("identity_document.expires_on", "document_expiry_missing", "either a last valid day or never_expires")
	case !never && expires.Before(today):
		return campus.FieldErrorf("identity_document.expires_on", "document_expired", "the document has expired")
	}
	return nil
}

func checkFrames(field string, l livenessInput) error {
	seen := map[uuid.UUID]bool{}
	for _, frame := range l.Frames {
		if seen[frame] {
			return campus.FieldErrorf(field, "frame_twice", "the same frame is there twice")
		}
		seen[frame] = true
	}
	return nil
}

// CaseInput names a case in the path.
type CaseInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

type caseListInput struct {
	PageQuery
	Kind campus.CaseKind `query:"kind" enum:"application,plastic,package" doc:"Only cases of this kind"`
}

// listApplications are one's cases, newest first.
func (s *Server) listApplications(ctx context.Context, in *caseListInput) (*answer[page[CaseView]], error) {
	after, err := readCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	kind := in.Kind
	if kind == "" {
		kind = campus.ApplicationCase
	}
	cases, err := s.store.PersonCases(ctx, person(ctx).ID, kind, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	show := func(c storage.Case) CaseView { return caseOf(language(ctx), c) }
	return answered(newPage(cases, in.Limit, show, func(c storage.Case) uuid.UUID { return c.ID })), nil
}

// getApplication is everything a student follows (C4).
func (s *Server) getApplication(ctx context.Context, in *CaseInput) (*answer[caseDetail], error) {
	c, err := s.store.PersonCase(ctx, person(ctx).ID, in.ID)
	if err != nil {
		return nil, err
	}
	return s.caseDetail(ctx, c)
}

// ownDecision is a student's decision about their own case.
func (s *Server) ownDecision(ctx context.Context, id uuid.UUID, name string, payload any) (*decisionAnswer, error) {
	c, err := s.ownApplication(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.caseDecision(ctx, c, name, workflows.Decide{}, payload)
}

func (s *Server) ownApplication(ctx context.Context, id uuid.UUID) (storage.Case, error) {
	c, err := s.store.PersonCase(ctx, person(ctx).ID, id)
	if err == nil && c.Kind != campus.ApplicationCase {
		err = campus.Errorf(campus.NotFound, "", "no application %s", id)
	}
	return c, err
}

type livenessTryInput struct {
	CaseInput
	Body livenessInput
}

func (s *Server) tryLiveness(ctx context.Context, in *livenessTryInput) (*decisionAnswer, error) {
	if err := checkFrames("frames", in.Body); err != nil {
		return nil, err
	}
	answer, err := s.ownDecision(ctx, in.ID, workflows.TryLivenessUpdate, storage.LivenessAnswer(in.Body))
	if known, ok := errors.AsType[*campus.Error](err); ok { // storage knows the field from the application
		err = inField(strings.TrimPrefix(known.Field, "liveness."), err)
	}
	return answer, err
}

func (s *Server) chooseCounter(ctx context.Context, in *CaseInput) (*decisionAnswer, error) {
	return s.ownDecision(ctx, in.ID, workflows.ChooseCounterUpdate, struct{}{})
}

type evidenceInput struct {
	CaseInput
	Body struct {
		Document *struct {
			ExpiresOn    campus.Date `json:"expires_on,omitempty" required:"false" format:"date"`
			NeverExpires bool        `json:"never_expires,omitempty" required:"false"`
			Upload       uuid.UUID   `json:"upload" format:"uuid"`
		} `json:"identity_document,omitempty" required:"false"`
		Certificate *certificateInput `json:"certificate,omitempty" required:"false"`
	}
}

// bringEvidence takes what a reviewer asked for; what is left out stays as it is (A4).
func (s *Server) bringEvidence(ctx context.Context, in *evidenceInput) (*decisionAnswer, error) {
	var evidence storage.NewEvidence
	if d := in.Body.Document; d != nil {
		if err := checkExpiry(d.ExpiresOn, d.NeverExpires, campus.DateOf(s.store.Now())); err != nil {
			return nil, err
		}
		evidence.DocumentUpload, evidence.DocumentExpiresOn = d.Upload, d.ExpiresOn
	}
	if c := in.Body.Certificate; c != nil {
		evidence.CertificateUpload, evidence.CertificateCode = c.Upload, c.Code
	}
	if evidence == (storage.NewEvidence{}) {
		return nil, campus.Errorf(campus.Invalid, "evidence_empty", "nothing was brought")
	}
	return s.ownDecision(ctx, in.ID, workflows.BringEvidenceUpdate, evidence)
}

func (s *Server) activate(ctx context.Context, in *CaseInput) (*decisionAnswer, error) {
	return s.ownDecision(ctx, in.ID, workflows.ActivateUpdate, struct{}{})
}

func (s *Server) reopen(ctx context.Context, in *CaseInput) (*decisionAnswer, error) {
	return s.ownDecision(ctx, in.ID, workflows.ReopenUpdate, struct{}{})
}

// withdraw works at any point: in SQL while the case is queued, by its workflow afterwards.
func (s *Server) withdraw(ctx context.Context, in *CaseInput) (*decisionAnswer, error) {
	c, err := s.ownApplication(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	request := s.request(ctx)
	if c.Stage == campus.StageQueued || c.Outcome == campus.Withdrawn {
		queued := request
		queued.Key += "/queued" // the workflow may have begun meanwhile; then the key itself is for its update
		done, err := s.store.WithdrawQueued(ctx, queued, in.ID)
		if err != nil {
			return nil, err
		}
		if done != uuid.Nil {
			return &decisionAnswer{Status: http.StatusOK, Body: decisionView{
				ID: done, Status: "done", Stage: campus.StageDone, Outcome: campus.Withdrawn,
			}}, nil
		}
		if c, err = s.ownApplication(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	return s.caseDecision(ctx, c, workflows.WithdrawUpdate, workflows.Decide{}, struct{}{})
}

type consentView struct {
	Version string `json:"version"`
	Text    string `json:"text"`
}

// getConsent is the text a student agrees to before any biometric call (B4).
func (s *Server) getConsent(ctx context.Context, _ *struct{}) (*answer[consentView], error) {
	return answered(consentView{campus.ConsentVersion, campus.Text(language(ctx), "consent.biometrics", nil)}), nil
}
