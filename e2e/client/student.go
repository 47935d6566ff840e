package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/people"
	"campuscard/storage/production"
)

// session is somebody signed in.
type session struct {
	client *Client
	token  string
}

type opened struct {
	Token string              `json:"token"`
	Level people.SessionLevel `json:"level"`
}

// Student is a holder, signed in.
type Student struct {
	session
	University, Number string
	First              bool // signed in with the initial password: nothing but a new one can be set
}

// SignIn signs a student in.
func (c *Client) SignIn(ctx context.Context, university, number, password string) (*Student, error) {
	body := map[string]string{"university": university, "number": number, "password": password}
	var o opened
	if err := c.post(ctx, "", "/api/v1/sessions", body, &o); err != nil {
		return nil, err
	}
	return &Student{session{c, o.Token}, university, number, o.Level == people.InitialSession}, nil
}

// Once returns the same student with requests that are tried once, for looking at what an unclear answer, or the first
// one, says.
func (s *Student) Once() *Student {
	hasty, client := *s, *s.client
	client.patience = 0
	hasty.client = &client
	return &hasty
}

// AskPhoneCode has a code sent to the phone on file.
func (s *Student) AskPhoneCode(ctx context.Context) error {
	return s.client.post(ctx, s.token, "/api/v1/sessions/current/phone-codes", nil, nil)
}

// SetFirstPassword ends the first sign-in and signs in fully. The answer is a token, which is never told twice: when
// the first one was lost on its way, the session is gone, and the new password opens another.
func (s *Student) SetFirstPassword(ctx context.Context, code, password string) error {
	body := map[string]string{"code": code, "password": password}
	var o opened
	err := s.client.post(ctx, s.token, "/api/v1/sessions/current/first-password", body, &o)
	if problem, ok := errors.AsType[*Problem](err); ok && problem.Status == http.StatusUnauthorized {
		again, err := s.client.SignIn(ctx, s.University, s.Number, password)
		if err != nil {
			return err
		}
		*s = *again
		return nil
	}
	if err != nil {
		return err
	}
	s.token, s.First = o.Token, o.Level == people.InitialSession
	return nil
}

// Speak chooses the language of messages.
func (s *Student) Speak(ctx context.Context, language campus.Language) error {
	return s.client.put(ctx, s.token, "/api/v1/me/language", map[string]any{"language": language})
}

// Upload hands a JPEG in.
func (s *Student) Upload(ctx context.Context, purpose campus.UploadPurpose, content []byte) (uuid.UUID, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file := textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", string(purpose)+".jpg")},
		"Content-Type":        {"image/jpeg"},
	}
	err := w.WriteField("purpose", string(purpose))
	if part, partErr := w.CreatePart(file); partErr == nil {
		_, partErr = part.Write(content)
		err = errors.Join(err, partErr)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return uuid.Nil, fmt.Errorf("write the form of an upload: %w", err)
	}
	var kept struct {
		ID uuid.UUID `json:"id"`
	}
	err = s.client.do(ctx, request{
		method: http.MethodPost, path: "/api/v1/uploads", token: s.token, key: uuid.NewString(),
		contentType: w.FormDataContentType(), body: form.Bytes(), prepares: true,
	}, &kept)
	return kept.ID, err
}

// Challenge is a gesture to show.
type Challenge struct {
	ID      uuid.UUID      `json:"id"`
	Gesture campus.Gesture `json:"gesture"`
}

// AskChallenge asks for a gesture.
func (s *Student) AskChallenge(ctx context.Context) (Challenge, error) {
	var drawn Challenge
	r, err := send(http.MethodPost, s.token, "/api/v1/me/liveness-challenges", nil)
	if err != nil {
		return drawn, err
	}
	r.prepares = true
	err = s.client.do(ctx, r, &drawn)
	return drawn, err
}

// Application is what somebody hands in; what is nil is left out.
type Application struct {
	Kiosk    string   `json:"kiosk,omitempty"`
	Document Document `json:"identity_document"`
	Papers
	Counter  bool      `json:"counter,omitempty"` // no face, but the counter
	Liveness *Liveness `json:"liveness,omitempty"`
	Consent  *Consent  `json:"consent,omitempty"`
}

// Papers are the papers of the checklist.
type Papers struct {
	Certificate *Paper `json:"certificate,omitempty"`
	Residence   *Paper `json:"residence_registration,omitempty"`
	Letter      *Paper `json:"issc_letter,omitempty"`
}

// Document is an identity document that never expires.
type Document struct {
	Type         campus.DocumentType `json:"type,omitempty"`   // left out in evidence
	Number       string              `json:"number,omitempty"` // the same
	NeverExpires bool                `json:"never_expires"`
	Upload       uuid.UUID           `json:"upload"`
}

// Paper is a paper that the office which has issued it knows by a code.
type Paper struct {
	Upload uuid.UUID `json:"upload"`
	Code   string    `json:"code"`
}

// Liveness are the frames that answer a challenge.
type Liveness struct {
	Challenge uuid.UUID   `json:"challenge"`
	Frames    []uuid.UUID `json:"frames"`
}

// Promise returns the last day on which a plastic reaches its kiosk, if the card is activated on a day.
func (c *Client) Promise(ctx context.Context, university string, activated campus.Date) (campus.Date, error) {
	var promise struct {
		PromisedOn campus.Date `json:"promised_on"`
	}
	err := c.do(ctx, get("", "/api/v1/universities/"+university+"/promise",
		url.Values{"activated_on": {activated.String()}}), &promise)
	return promise.PromisedOn, err
}

// ChooseCounter chooses the check in person instead of the face.
func (s *Student) ChooseCounter(ctx context.Context, application uuid.UUID) (Decision, error) {
	return s.decide(ctx, "/api/v1/applications/"+application.String()+"/counter-check", nil)
}

// Consent is the consent to the check of the face.
type Consent struct {
	Biometrics bool   `json:"biometrics"`
	Version    string `json:"version"`
}

// AskConsent returns the version of the text to agree to.
func (s *Student) AskConsent(ctx context.Context) (string, error) {
	var text Consent
	err := s.client.do(ctx, get("", "/api/v1/consents/biometrics", nil), &text)
	return text.Version, err
}

// Apply hands an application in.
func (s *Student) Apply(ctx context.Context, a Application) (uuid.UUID, error) {
	var accepted cards.Accepted
	err := s.client.post(ctx, s.token, "/api/v1/applications", a, &accepted)
	return accepted.ID, err
}

// Case returns one of the student's own cases.
func (s *Student) Case(ctx context.Context, id uuid.UUID) (Case, error) {
	var found Case
	err := s.client.do(ctx, get(s.token, "/api/v1/applications/"+id.String(), nil), &found)
	return found, err
}

// Cases returns the student's own cases of a kind, newest first.
func (s *Student) Cases(ctx context.Context, kind campus.CaseKind) ([]Case, error) {
	var list struct {
		Items []Case `json:"items"`
	}
	err := s.client.do(ctx, get(s.token, "/api/v1/applications", url.Values{"kind": {string(kind)}}), &list)
	return list.Items, err
}

// Activate activates the card.
func (s *Student) Activate(ctx context.Context, application uuid.UUID) (Decision, error) {
	return s.decide(ctx, "/api/v1/applications/"+application.String()+"/activation", nil)
}

// Bring hands in what was asked for: papers, and maybe the document.
func (s *Student) Bring(ctx context.Context, application uuid.UUID, papers Papers, document *Document) (Decision,
	error) {
	body := struct {
		Papers
		Document *Document `json:"identity_document,omitempty"`
	}{papers, document}
	return s.decide(ctx, "/api/v1/applications/"+application.String()+"/evidence", body)
}

// TryLiveness answers another challenge; consent is needed where there is none on file.
func (s *Student) TryLiveness(ctx context.Context, application uuid.UUID, shown Liveness, consent *Consent) (Decision,
	error) {
	body := struct {
		Liveness
		Consent *Consent `json:"consent,omitempty"`
	}{shown, consent}
	return s.decide(ctx, "/api/v1/applications/"+application.String()+"/liveness-tries", body)
}

// Withdraw takes an application back.
func (s *Student) Withdraw(ctx context.Context, application uuid.UUID) (Decision, error) {
	return s.decide(ctx, "/api/v1/applications/"+application.String()+"/withdrawal", nil)
}

// Card is a card with what it opens and its plastics.
type Card struct {
	cards.Card
	Services []campus.Service `json:"services"`
	Plastics []Plastic        `json:"plastics"`
}

// Plastic is a physical card.
type Plastic struct {
	production.Plastic
	PromisedOn campus.Date `json:"promised_on"`
	PickupCode string      `json:"pickup_code"`
}

// Cards returns the student's cards, newest first.
func (s *Student) Cards(ctx context.Context) ([]Card, error) {
	var list struct {
		Items []Card `json:"items"`
	}
	err := s.client.do(ctx, get(s.token, "/api/v1/cards", nil), &list)
	return list.Items, err
}

// Resend has an unclaimed card sent to a kiosk.
func (s *Student) Resend(ctx context.Context, card uuid.UUID, kiosk string) (Decision, error) {
	return s.decide(ctx, "/api/v1/cards/"+card.String()+"/plastic/resend", map[string]string{"kiosk": kiosk})
}
