package api

import (
	"context"

	"campuscard/campus"
	"campuscard/storage/people"
)

type newPhone struct {
	Body struct {
		Phone    string `json:"phone" pattern:"^1[3-9][0-9]{9}$" doc:"The new number, of the mainland and without +86"`
		Password string `json:"password" minLength:"1" maxLength:"200" doc:"The present one"`
	}
}

// sendNewPhoneCode is the first step to another number: a code goes there (L6).
func (s *Server) sendNewPhoneCode(ctx context.Context, in *newPhone) (*answer[phoneCodeSent], error) {
	phone, err := campus.ParseMobile(in.Body.Phone)
	if err != nil {
		return nil, err
	}
	who := callOf(ctx).principal
	policy := s.policies.For(who.Person.University).SignIn
	sent, err := s.store.People.SendNewPhoneCode(ctx, s.request(ctx), policy, who, in.Body.Password, phone)
	return answered(phoneCodeSent(sent)), err
}

type phoneCode struct {
	Body struct {
		Code string `json:"code" maxLength:"100" doc:"From the text message to the new number, six digits"`
	}
}

// changePhone is the second step: the number that the code went to is the one on file.
func (s *Server) changePhone(ctx context.Context, in *phoneCode) (*answer[people.PhoneChanged], error) {
	who := callOf(ctx).principal
	policy := s.policies.For(who.Person.University).SignIn
	code, err := campus.ParseCode(in.Body.Code, campus.PhoneCodeDigits, campus.PhoneCodeForm)
	if err != nil {
		return nil, err
	}
	changed, err := s.store.People.ChangePhone(ctx, s.request(ctx), policy, who, code)
	return answered(changed), err
}
