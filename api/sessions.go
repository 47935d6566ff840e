package api

import (
	"context"
	"time"

	"campuscard/storage"
)

type studentCredentials struct {
	Body struct {
		University string `json:"university" minLength:"1" maxLength:"40" doc:"Code of the university"`
		Number     string `json:"number" minLength:"1" maxLength:"40" doc:"Student or staff number"`
		Password   string `json:"password" minLength:"1" maxLength:"200"`
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
	Token     string               `json:"token" doc:"Send it as Authorization: Bearer"`
	Level     storage.SessionLevel `json:"level" enum:"initial,full" doc:"initial: only the first sign-in can be finished with it"`
	ExpiresAt time.Time            `json:"expires_at"`
}

func opened(session storage.Session, err error) (*answer[sessionOpened], error) {
	if err != nil {
		return nil, err
	}
	return answered(sessionOpened{session.Token, session.Level, session.ExpiresAt}), nil
}

func (s *Server) signInStudent(ctx context.Context, in *studentCredentials) (*answer[sessionOpened], error) {
	who := storage.Credentials{University: in.Body.University, Name: in.Body.Number, Password: in.Body.Password, Device: in.Body.Device}
	return opened(s.store.SignInStudent(ctx, s.policies.For(who.University).SignIn, who))
}

func (s *Server) signInStaff(ctx context.Context, in *staffCredentials) (*answer[sessionOpened], error) {
	who := storage.Credentials{University: in.Body.University, Name: in.Body.Username, Password: in.Body.Password}
	return opened(s.store.SignInStaff(ctx, s.policies.For(who.University).SignIn, who))
}

type sessionView struct {
	Kind       string               `json:"kind" enum:"student,staff"`
	University string               `json:"university"`
	Level      storage.SessionLevel `json:"level" enum:"initial,full"`
	ExpiresAt  time.Time            `json:"expires_at"`
}

func (s *Server) currentSession(ctx context.Context, _ *struct{}) (*answer[sessionView], error) {
	request := callOf(ctx)
	who := request.principal
	return answered(sessionView{string(request.actor.Kind), university(request), who.Level, who.ExpiresAt}), nil
}

func (s *Server) signOut(ctx context.Context, _ *struct{}) (*noContent, error) {
	return &noContent{}, s.store.EndSession(ctx, callOf(ctx).principal.Session)
}

type phoneCodeSent struct {
	Phone     string    `json:"phone" doc:"Last four digits of the phone it went to"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) sendPhoneCode(ctx context.Context, _ *struct{}) (*answer[phoneCodeSent], error) {
	who := callOf(ctx).principal
	sent, err := s.store.SendPhoneCode(ctx, s.request(ctx), s.policies.For(who.Person.University).SignIn, who)
	return answered(phoneCodeSent(sent)), err
}

type firstPassword struct {
	Body struct {
		Code     string `json:"code" minLength:"6" maxLength:"6" doc:"From the text message"`
		Password string `json:"password" minLength:"1" maxLength:"200" doc:"8 to 72 characters with letters and digits"`
	}
}

func (s *Server) setFirstPassword(ctx context.Context, in *firstPassword) (*answer[sessionOpened], error) {
	who := callOf(ctx).principal
	policy := s.policies.For(who.Person.University).SignIn
	return opened(s.store.SetFirstPassword(ctx, policy, who, in.Body.Code, in.Body.Password))
}
