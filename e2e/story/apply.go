package story

import (
	"context"
	"fmt"
	"regexp"
	"slices"

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
func (s *storyRun) signInFirst(ctx context.Context) error {
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
func (s *storyRun) phoneCode(ctx context.Context, before int) (code string, err error) {
	err = s.await(ctx, "text message with a code", func(ctx context.Context) (bool, string, error) {
		messages, err := s.school.Messages(ctx, s.person.Phone)
		if err == nil && len(messages) > before {
			code = digits(messages[len(messages)-1].Text, 6)
		}
		return code != "", fmt.Sprintf("%d messages", len(messages)), err
	})
	return code, err
}

// pickupCode waits for the message with the code that the app shows of a plastic. Messages may overtake each other, and
// one before may have had a code that is dead.
func (s *storyRun) pickupCode(ctx context.Context, p client.Plastic) (code string, err error) {
	err = s.await(ctx, "text message with the pickup code", func(ctx context.Context) (bool, string, error) {
		messages, err := s.school.Messages(ctx, s.person.Phone)
		told := p.PickupCode != "" &&
			slices.ContainsFunc(messages, func(m client.Message) bool { return digits(m.Text, 8) == p.PickupCode })
		return told, fmt.Sprintf("%d messages", len(messages)), err
	})
	if err != nil {
		return "", err
	}
	s.say("收到取卡码 %s", "told the pickup code %s", p.PickupCode)
	return p.PickupCode, nil
}

// digits returns the number with n digits in a text, or empty.
func digits(text string, n int) string {
	return regexp.MustCompile(fmt.Sprintf(`\b\d{%d}\b`, n)).FindString(text)
}

// apply hands in document, certificate and live frames, and the application.
func (s *storyRun) apply(ctx context.Context) error {
	filled, err := s.fillIn(ctx, papersOf(s.person)...)
	if err != nil {
		return err
	}
	if s.application, err = s.student.Apply(ctx, filled); err != nil {
		return err
	}
	s.say("上传证件、材料和活体照片，提交申请", "uploads document, papers and live frames, and applies")
	return nil
}

// papersOf returns the checklist of somebody, but for the document.
func papersOf(p client.Person) []campus.Item {
	route, _ := campus.RouteOf(p.Status)
	return slices.DeleteFunc(campus.Papers(route, campus.Category(p.Category)),
		func(item campus.Item) bool { return item == campus.DocumentItem })
}

// fillIn fills in an application with these papers and the face.
func (s *storyRun) fillIn(ctx context.Context, papers ...campus.Item) (a client.Application, err error) {
	if a.Document, err = s.handInDocument(ctx); err != nil {
		return a, err
	}
	a.Document.Type, a.Document.Number = campus.DocumentType(s.person.DocumentType), s.person.DocumentNumber
	if a.Papers, err = s.handInPapers(ctx, papers...); err != nil {
		return a, err
	}
	shown, err := s.showFace(ctx, portrait.NoFlaw)
	if err != nil {
		return a, err
	}
	consent, err := s.consent(ctx)
	a.Liveness, a.Consent = &shown, &consent
	return a, err
}

// handInDocument uploads the picture of the identity document.
func (s *storyRun) handInDocument(ctx context.Context) (d client.Document, err error) {
	s.document = portrait.Document(s.person.DocumentType, s.person.Identity)
	d.NeverExpires = true
	d.Upload, err = s.student.Upload(ctx, campus.DocumentUpload, s.document)
	return d, err
}

// handInPapers uploads papers, with the codes under which their offices know them.
func (s *storyRun) handInPapers(ctx context.Context, items ...campus.Item) (papers client.Papers, err error) {
	for _, item := range items {
		paper := &client.Paper{}
		switch item {
		case campus.CertificateItem:
			papers.Certificate, paper.Code = paper, s.person.CertificateCode
		case campus.ResidenceItem:
			papers.Residence, paper.Code = paper, s.person.ResidenceCode
		case campus.LetterItem:
			papers.Letter, paper.Code = paper, s.person.LetterCode
		}
		if paper.Upload, err = s.student.Upload(ctx, campus.UploadPurpose(item),
			portrait.Certificate(s.person.Identity)); err != nil {
			return papers, err
		}
	}
	return papers, nil
}

// consent agrees to the present text.
func (s *storyRun) consent(ctx context.Context) (client.Consent, error) {
	version, err := s.student.AskConsent(ctx)
	return client.Consent{Biometrics: true, Version: version}, err
}

// showFace asks for a gesture and does it before the camera, with something wrong or not.
func (s *storyRun) showFace(ctx context.Context, flaw portrait.Flaw) (client.Liveness, error) {
	challenge, err := s.student.AskChallenge(ctx)
	if err != nil {
		return client.Liveness{}, err
	}
	shown := client.Liveness{Challenge: challenge.ID, Frames: make([]uuid.UUID, frames)}
	for i, frame := range portrait.FlawedFrames(s.person.Identity, string(challenge.Gesture), frames, flaw) {
		if shown.Frames[i], err = s.student.Upload(ctx, campus.FrameUpload, frame); err != nil {
			return shown, err
		}
	}
	return shown, nil
}
