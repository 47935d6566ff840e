package story

import (
	"context"
	"fmt"
	"regexp"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/portrait"
)

const (
	newPassword = "campus-card-2026" // of everybody in the stories
	frames      = 3
)

// signInFirst ends the first sign-in: the code from the text message, and a new password.
func (s *scene) signInFirst(ctx context.Context) error {
	s.say("首次登录：%s，初始密码", "%s signs in for the first time, with the initial password", s.person.Name)
	before, err := s.school.Messages(ctx, s.person.Phone)
	if err != nil {
		return err
	}
	if err := s.student.AskPhoneCode(ctx); err != nil {
		return err
	}
	code, err := s.phoneCode(ctx, len(before))
	if err != nil {
		return err
	}
	if err := s.student.SetFirstPassword(ctx, code, newPassword); err != nil {
		return err
	}
	s.say("短信验证码 %s，已设置新密码", "code %s from the text message, new password set", code)
	return s.student.Speak(ctx, s.cfg.Language)
}

// phoneCode waits for a message after those that were there before.
func (s *scene) phoneCode(ctx context.Context, before int) (code string, err error) {
	err = s.await(ctx, "text message with a code", func(ctx context.Context) (bool, string, error) {
		messages, err := s.school.Messages(ctx, s.person.Phone)
		if err == nil && len(messages) > before {
			code = digits(messages[len(messages)-1].Text, 6)
		}
		return code != "", fmt.Sprintf("%d messages", len(messages)), err
	})
	return code, err
}

// pickupCode waits for the message with the code of a plastic, which must be the one that the app shows.
func (s *scene) pickupCode(ctx context.Context, p client.Plastic) (code string, err error) {
	err = s.await(ctx, "text message with the pickup code", func(ctx context.Context) (bool, string, error) {
		messages, err := s.school.Messages(ctx, s.person.Phone)
		if err == nil && len(messages) > 0 {
			code = digits(messages[len(messages)-1].Text, 8)
		}
		return code != "", fmt.Sprintf("%d messages", len(messages)), err
	})
	if err != nil {
		return "", err
	}
	if code != p.PickupCode {
		return "", fmt.Errorf("the message says code %s, the app %s", code, p.PickupCode)
	}
	s.say("收到取卡码 %s", "told the pickup code %s", code)
	return code, nil
}

// digits is the number of n digits in a text, or empty.
func digits(text string, n int) string {
	return regexp.MustCompile(fmt.Sprintf(`\b\d{%d}\b`, n)).FindString(text)
}

// apply hands in document, certificate and live frames, and the application.
func (s *scene) apply(ctx context.Context) error {
	s.document = portrait.Document("resident_card", s.person.Identity)
	filled, err := s.fillIn(ctx)
	if err != nil {
		return err
	}
	if s.application, err = s.student.Apply(ctx, filled); err != nil {
		return err
	}
	s.say("上传证件、在读证明和活体照片，提交申请", "uploads document, certificate and live frames, and applies")
	return nil
}

func (s *scene) fillIn(ctx context.Context) (a client.Application, err error) {
	a.Document = client.Document{Type: campus.ResidentCard, Number: s.person.DocumentNumber, NeverExpires: true}
	if a.Document.Upload, err = s.student.Upload(ctx, campus.DocumentUpload, s.document); err != nil {
		return a, err
	}
	a.Certificate.Code = s.person.CertificateCode
	a.Certificate.Upload, err = s.student.Upload(ctx, campus.CertificateUpload, portrait.Certificate(s.person.Identity))
	if err != nil {
		return a, err
	}
	if a.Liveness, err = s.showFace(ctx); err != nil {
		return a, err
	}
	a.Consent.Biometrics = true
	a.Consent.Version, err = s.student.AskConsent(ctx)
	return a, err
}

// showFace asks for a gesture and does it before the camera.
func (s *scene) showFace(ctx context.Context) (client.Liveness, error) {
	challenge, err := s.student.AskChallenge(ctx)
	if err != nil {
		return client.Liveness{}, err
	}
	shown := client.Liveness{Challenge: challenge.ID, Frames: make([]uuid.UUID, frames)}
	for i, frame := range portrait.Frames(s.person.Identity, string(challenge.Gesture), frames) {
		if shown.Frames[i], err = s.student.Upload(ctx, campus.FrameUpload, frame); err != nil {
			return shown, err
		}
	}
	return shown, nil
}
