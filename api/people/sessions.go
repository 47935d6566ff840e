package people

import (
	"context"
	"strings"
	"time"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/people"
)

type studentCredentials struct {
	Body struct {
		University string `json:"university" minLength:"1" maxLength:"40" doc:"Code of the university"`
		Number     string `json:"number" minLength:"1" maxLength:"40" doc:"Student or staff number"`
		Password   string `json:"password" minLength:"1" maxLength:"200"`
		Code       string `json:"code,omitempty" required:"false" maxLength:"100" doc:"Of unlock-codes, eight digits: past the lock of the day (F5)"`
		Device     string `json:"device,omitempty" required:"false" maxLength:"60" words:"line" doc:"What the holder will know the device by, in GET /sessions"`
	}
}

type staffCredentials struct {
	Body struct {
		University string `json:"university" minLength:"1" maxLength:"40"`
		Username   string `json:"username" minLength:"1" maxLength:"40"`
		Password   string `json:"password" minLength:"1" maxLength:"200"`
	}
}

// sessionOpened is the only time a token is told.
type sessionOpened struct {
	Token     string              `json:"token" doc:"Send it as Authorization: Bearer"`
	Level     people.SessionLevel `json:"level" enum:"initial,full" doc:"initial: only the first sign-in can be finished with it"`
	ExpiresAt time.Time           `json:"expires_at"`
}

func opened(session people.Session, err error) (*core.Answer[sessionOpened], error) {
	if err != nil {
		return nil, err
	}
	return core.Answered(sessionOpened{session.Token, session.Level, session.ExpiresAt}), nil
}

// typedCode returns the code of a university as somebody may have typed it: in capitals, or of full width.
func typedCode(typed string) string { return strings.ToLower(campus.Typed(typed)) }

func (s *Server) signInStudent(ctx context.Context, in *studentCredentials) (*core.Answer[sessionOpened], error) {
	b := in.Body
	who := people.Credentials{University: typedCode(b.University), Name: b.Number, Password: b.Password,
		Device: b.Device, Address: core.CallOf(ctx).Address}
	if campus.PlainNumber(b.Code) != "" { // one of blanks is none
		var err error
		if who.Code, err = campus.ParseCode(b.Code, campus.LongCodeDigits, campus.UnlockCodeForm); err != nil {
			return nil, err
		}
	}
	session, err := s.Store.People.SignInStudent(ctx, s.Policies.For(who.University).SignIn, who)
	s.Metrics.CountSignIn("student", err)
	return opened(session, err)
}

func (s *Server) signInStaff(ctx context.Context, in *staffCredentials) (*core.Answer[sessionOpened], error) {
	who := people.Credentials{University: typedCode(in.Body.University), Name: campus.Typed(in.Body.Username),
		Password: in.Body.Password, Address: core.CallOf(ctx).Address}
	session, err := s.Store.People.SignInStaff(ctx, s.Policies.For(who.University).SignIn, who)
	s.Metrics.CountSignIn("staff", err)
	return opened(session, err)
}

type unlockCodeWanted struct {
	Body struct {
		University string `json:"university" minLength:"1" maxLength:"40" doc:"Code of the university"`
		Number     string `json:"number" minLength:"1" maxLength:"40" doc:"Student or staff number"`
	}
}

// unlockCodeAsked is the same for every number, known or not, locked or not.
type unlockCodeAsked struct {
	ExpiresAt time.Time `json:"expires_at" doc:"End of the day, when the lock ends by itself: a code counts until then, or until one of the same lock has signed in"`
	Next      string    `json:"next" doc:"What to do next"`
}

// sendUnlockCode is the way past a lock that somebody else has caused (F5): the code is entered with the password.
func (s *Server) sendUnlockCode(ctx context.Context, in *unlockCodeWanted) (*core.Answer[unlockCodeAsked], error) {
	university := typedCode(in.Body.University)
	until, err := s.Store.People.SendUnlockCode(ctx, s.Policies.For(university).SignIn, university,
		in.Body.Number)
	return core.Answered(unlockCodeAsked{until, campus.Text(core.Language(ctx), "unlock_code.asked", nil)}), err
}

type staffRelease struct {
	Body struct {
		Username string `json:"username" minLength:"1" maxLength:"40" doc:"Of a colleague at one's own university"`
	}
}

// releaseStaff ends the waits that wrong entries have caused for a member of staff.
func (s *Server) releaseStaff(ctx context.Context, in *staffRelease) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.People.ReleaseStaff(ctx, s.Request(ctx), core.Member(ctx), in.Body.Username)
}

type sessionView struct {
	Kind       string              `json:"kind" enum:"student,staff"`
	University string              `json:"university"`
	Level      people.SessionLevel `json:"level" enum:"initial,full"`
	ExpiresAt  time.Time           `json:"expires_at"`
}

func (s *Server) currentSession(ctx context.Context, _ *struct{}) (*core.Answer[sessionView], error) {
	request := core.CallOf(ctx)
	who := request.Principal
	return core.Answered(sessionView{string(request.Actor.Kind), core.University(request), who.Level, who.ExpiresAt}), nil
}

func (s *Server) signOut(ctx context.Context, _ *struct{}) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.People.EndSession(ctx, core.CallOf(ctx).Principal.Session)
}

type phoneCodeSent struct {
	Phone     string    `json:"phone" doc:"Last four digits of the phone it went to"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) sendPhoneCode(ctx context.Context, _ *struct{}) (*core.Answer[phoneCodeSent], error) {
	who := core.CallOf(ctx).Principal
	sent, err := s.Store.People.SendPhoneCode(ctx, s.Request(ctx), s.Policies.For(who.Person.University).SignIn, who)
	return core.Answered(phoneCodeSent(sent)), err
}

type firstPassword struct {
	Body struct {
		Code     string `json:"code" maxLength:"100" doc:"From the text message, six digits"`
		Password string `json:"password" minLength:"1" maxLength:"200" doc:"8 to 72 characters with letters and digits"`
	}
}

func (s *Server) setFirstPassword(ctx context.Context, in *firstPassword) (*core.Answer[sessionOpened], error) {
	who := core.CallOf(ctx).Principal
	policy := s.Policies.For(who.Person.University).SignIn
	code, err := campus.ParseCode(in.Body.Code, campus.PhoneCodeDigits, campus.PhoneCodeForm)
	if err != nil {
		return nil, err
	}
	return opened(s.Store.People.SetFirstPassword(ctx, policy, who, code, in.Body.Password))
}
