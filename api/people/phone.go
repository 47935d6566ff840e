package people

import (
	"context"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/people"
)

type newPhone struct {
	Body struct {
		Phone    string `json:"phone" maxLength:"60" doc:"The new number, of the mainland; width and blanks do not count"`
		Password string `json:"password" minLength:"1" maxLength:"200" doc:"The present one"`
	}
}

// sendNewPhoneCode is the first step to another number: a code goes there (L6).
func (s *Server) sendNewPhoneCode(ctx context.Context, in *newPhone) (*core.Answer[phoneCodeSent], error) {
	phone, err := campus.ParseMobile(in.Body.Phone)
	if err != nil {
		return nil, err
	}
	who := core.CallOf(ctx).Principal
	policy := s.Policies.For(who.Person.University).SignIn
	sent, err := s.Store.People.SendNewPhoneCode(ctx, s.Request(ctx), policy, who, in.Body.Password, phone)
	return core.Answered(phoneCodeSent(sent)), err
}

type phoneCode struct {
	Body struct {
		Code string `json:"code" maxLength:"100" doc:"From the text message to the new number, six digits"`
	}
}

// changePhone is the second step: the number that the code went to is the one on file.
func (s *Server) changePhone(ctx context.Context, in *phoneCode) (*core.Answer[people.PhoneChanged], error) {
	who := core.CallOf(ctx).Principal
	policy := s.Policies.For(who.Person.University).SignIn
	code, err := campus.ParseCode(in.Body.Code, campus.PhoneCodeDigits, campus.PhoneCodeForm)
	if err != nil {
		return nil, err
	}
	changed, err := s.Store.People.ChangePhone(ctx, s.Request(ctx), policy, who, code)
	return core.Answered(changed), err
}
