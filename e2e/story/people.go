package story

import (
	"context"
	"fmt"
	"slices"
	"time"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/portrait"
)

// toCard goes on from the application to a card that works.
func toCard(before ...step) []step {
	return append(before, (*storyRun).isChecked, (*storyRun).isApproved, (*storyRun).activates, (*storyRun).isHeldOnce)
}

// nationalDay plays a student of the second university, who asks about the promise around National Day first (D2)
// and tries a package (C2).
func nationalDay() story {
	return story{name: "O", kind: "plain", university: college,
		steps: append(toCard((*storyRun).signInFirst, (*storyRun).asksForNationalDay, (*storyRun).apply),
			(*storyRun).joinsGym, (*storyRun).leavesGym, (*storyRun).isProduced, (*storyRun).picksUp)}
}

// people returns applicants of every sort (A1 to A6, B1, B3).
func people() []story {
	return []story{
		{name: "G", kind: "plain", university: university, category: campus.HongKongMacau, level: "postgraduate",
			steps: toCard((*storyRun).signInFirst, (*storyRun).apply)},
		{name: "H", kind: "plain", university: university, category: campus.Taiwan, level: "exchange",
			steps: toCard((*storyRun).signInFirst, (*storyRun).apply)},
		{name: "I", kind: "plain", university: university, category: campus.Foreign, level: "undergraduate",
			steps: toCard((*storyRun).signInFirst, (*storyRun).appliesWithoutLetter, (*storyRun).isAskedForLetter,
				(*storyRun).bringsLetter)},
		{name: "J", kind: "admitted", university: university,
			steps: []step{(*storyRun).signInFirst, (*storyRun).apply, (*storyRun).isChecked, (*storyRun).approve,
				(*storyRun).waitsForEnrolment,
				(*storyRun).enrols, (*storyRun).isActiveByItself, (*storyRun).isHeldOnce}},
		{name: "K", kind: "staff", university: university,
			steps: toCard((*storyRun).signInFirst, (*storyRun).isSentToHR, (*storyRun).isSubmitted, (*storyRun).bringsDocument,
				(*storyRun).showsFaceFirst)},
		{name: "L", kind: "not_registered", university: university,
			steps: []step{(*storyRun).signInFirst, (*storyRun).apply, (*storyRun).isRefused}},
		{name: "M", kind: "plain", university: university,
			steps: toCard((*storyRun).signInFirst, (*storyRun).appliesInTheDark, (*storyRun).failsAgain,
				(*storyRun).passesAtLast)},
		{name: "N", kind: "plain", university: university,
			steps: []step{(*storyRun).signInFirst, (*storyRun).appliesWithoutFace, (*storyRun).isSeenAtCounter,
				(*storyRun).isApproved,
				(*storyRun).activates, (*storyRun).isHeldOnce}},
	}
}

// appliesWithoutLetter leaves out what the International Student Service Centre has not written yet (A4).
func (s *storyRun) appliesWithoutLetter(ctx context.Context) error {
	filled, err := s.fillIn(ctx, withoutLetter(papersOf(s.person))...)
	if err != nil {
		return err
	}
	if s.application, err = s.student.Apply(ctx, filled); err != nil {
		return err
	}
	s.say("护照、在读证明、住宿登记齐全，缺国际学生服务中心证明信，仍提交申请",
		"applies with passport, certificate and registration, but without the letter")
	return nil
}

func withoutLetter(papers []campus.Item) []campus.Item {
	return slices.DeleteFunc(papers, func(item campus.Item) bool { return item == campus.LetterItem })
}

// isAskedForLetter checks that just the letter is asked for.
func (s *storyRun) isAskedForLetter(ctx context.Context) error {
	found, err := s.reaches(ctx, campus.StageEvidence)
	if err != nil {
		return err
	}
	if len(found.Wanted) != 1 || found.Wanted[0].Item != campus.LetterItem || found.Due == nil {
		return fmt.Errorf("%s wants %v: it should want the letter, with an end", found, found.Wanted)
	}
	s.say("只要求补交：%s", "is asked for one thing only: %s", found.Wanted[0].ItemText)
	return s.hears(ctx, "notice.evidence_asked", map[string]string{"items": string(campus.LetterItem)})
}

func (s *storyRun) bringsLetter(ctx context.Context) error {
	papers, err := s.handInPapers(ctx, campus.LetterItem)
	if err != nil {
		return err
	}
	if _, err := s.student.Bring(ctx, s.application, papers, nil); err != nil {
		return err
	}
	s.say("补交证明信，其余材料保留", "brings the letter; the rest was kept")
	return nil
}

// waitsForEnrolment checks that an approved freshman has a card that does not work yet (A6).
func (s *storyRun) waitsForEnrolment(ctx context.Context) error {
	found, err := s.reaches(ctx, campus.StageEnrolment)
	if err != nil {
		return err
	}
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	if card.State != campus.CardPending || found.Due == nil {
		return fmt.Errorf("%s, due %v, with a card that is %s before the enrolment", found, found.Due, card.State)
	}
	s.say("审核通过，等待报到；未报到将于 %s 取消",
		"approved, waits for the enrolment; cancelled on %s otherwise",
		campus.DateOf(*found.Due))
	return nil
}

// enrols has the freshman enrol, and ask for the card at once instead of waiting for the next look.
func (s *storyRun) enrols(ctx context.Context) error {
	if err := s.school.Enrol(ctx, s.person); err != nil {
		return err
	}
	if _, err := s.student.Activate(ctx, s.application); err != nil {
		return err
	}
	s.say("报到，校园卡激活", "enrols, and the card activates")
	return nil
}

func (s *storyRun) isActiveByItself(ctx context.Context) error {
	if _, err := s.reaches(ctx, campus.StageDone); err != nil {
		return err
	}
	card, err := s.card(ctx)
	if err == nil && card.State != campus.CardActive {
		err = fmt.Errorf("after the enrolment the card is %s", card.State)
	}
	return err
}

// isSentToHR checks that staff cannot apply by themselves (A2).
func (s *storyRun) isSentToHR(ctx context.Context) error {
	filled, err := s.fillIn(ctx)
	if err != nil {
		return err
	}
	_, err = s.student.Once().Apply(ctx, filled)
	if err := refusedFor(err, "apply_through_hr"); err != nil {
		return err
	}
	s.say("教职工自行申请被告知须经人事系统", "is told that staff apply through the HR system")
	return nil
}

// isSubmitted waits for the application that HR's signed call opens.
func (s *storyRun) isSubmitted(ctx context.Context) error {
	if err := s.school.SubmitStaff(ctx, s.person.University, s.person.Number); err != nil {
		return err
	}
	err := s.await(ctx, "application opened by HR", func(ctx context.Context) (bool, string, error) {
		cases, err := s.student.Cases(ctx, campus.ApplicationCase)
		if len(cases) == 1 {
			s.application = cases[0].ID
		}
		return len(cases) == 1, fmt.Sprintf("%d applications", len(cases)), err
	})
	if err != nil {
		return err
	}
	s.say("人事系统签名提交，申请已建立", "HR submits in a signed call, the application is there")
	_, err = s.reaches(ctx, campus.StageEvidence)
	return err
}

func (s *storyRun) bringsDocument(ctx context.Context) error {
	document, err := s.handInDocument(ctx)
	if err != nil {
		return err
	}
	if _, err := s.student.Bring(ctx, s.application, client.Papers{}, &document); err != nil {
		return err
	}
	s.say("提交身份证件", "hands in the identity document")
	return nil
}

// showsFaceFirst shows the face of somebody who has not agreed to that before (B4).
func (s *storyRun) showsFaceFirst(ctx context.Context) error {
	if _, err := s.reaches(ctx, campus.StageLiveness); err != nil {
		return err
	}
	consent, err := s.consent(ctx)
	if err != nil {
		return err
	}
	return s.tries(ctx, portrait.NoFlaw, &consent)
}

func (s *storyRun) tries(ctx context.Context, flaw portrait.Flaw, consent *client.Consent) error {
	shown, err := s.showFace(ctx, flaw)
	if err != nil {
		return err
	}
	_, err = s.student.TryLiveness(ctx, s.application, shown, consent)
	return err
}

// isRefused checks that the application ends with the reason and where to go (A1).
func (s *storyRun) isRefused(ctx context.Context) error {
	found, err := s.caseReaches(ctx, s.application, campus.StageDone)
	if err != nil {
		return err
	}
	if found.Outcome != campus.RefusedBy || found.ReasonText == "" {
		return fmt.Errorf("%s, reason %q: it should be refused, with a reason", found, found.ReasonText)
	}
	s.say("申请被拒：%s", "refused: %s", found.ReasonText)
	return s.hears(ctx, "notice.refused", map[string]string{"reason": "registry_not_registered"})
}

// appliesInTheDark applies with frames that are too dark (B1).
func (s *storyRun) appliesInTheDark(ctx context.Context) error {
	filled, err := s.fillIn(ctx, papersOf(s.person)...)
	if err != nil {
		return err
	}
	shown, err := s.showFace(ctx, portrait.TooDark)
	if err != nil {
		return err
	}
	filled.Liveness = &shown
	if s.application, err = s.student.Apply(ctx, filled); err != nil {
		return err
	}
	return s.failed(ctx, "too_dark")
}

// failed checks that a try has failed for its own reason.
func (s *storyRun) failed(ctx context.Context, reason string) error {
	found, err := s.reaches(ctx, campus.StageLiveness)
	if err != nil {
		return err
	}
	if want := campus.ReasonText(s.cfg.Language, reason); found.ReasonText != want {
		return fmt.Errorf("%s, reason %q, not %q", found, found.ReasonText, want)
	}
	s.say("活体检测未通过：%s", "the liveness check failed: %s", found.ReasonText)
	return nil
}

func (s *storyRun) failsAgain(ctx context.Context) error {
	if err := s.tries(ctx, portrait.Still, nil); err != nil {
		return err
	}
	return s.failed(ctx, "action_not_as_asked")
}

func (s *storyRun) passesAtLast(ctx context.Context) error { return s.tries(ctx, portrait.NoFlaw, nil) }

// appliesWithoutFace chooses the counter from the beginning (B3).
func (s *storyRun) appliesWithoutFace(ctx context.Context) error {
	document, err := s.handInDocument(ctx)
	if err != nil {
		return err
	}
	document.Type, document.Number = campus.DocumentType(s.person.DocumentType), s.person.DocumentNumber
	papers, err := s.handInPapers(ctx, papersOf(s.person)...)
	if err != nil {
		return err
	}
	s.application, err = s.student.Apply(ctx, client.Application{Document: document, Papers: papers, Counter: true})
	if err != nil {
		return err
	}
	s.say("不使用人脸，选择现场核验", "chooses the counter instead of the face")
	return nil
}

// isSeenAtCounter has the card centre look at the person and the original document.
func (s *storyRun) isSeenAtCounter(ctx context.Context) error {
	if _, err := s.reaches(ctx, campus.StageInPerson); err != nil {
		return err
	}
	found, err := s.counter.Case(ctx, s.application)
	if err != nil {
		return err
	}
	if len(found.WorkItems) != 1 || found.WorkItems[0].Kind != campus.InPersonItem {
		return fmt.Errorf("%s has the work items %v, not one check in person", found, found.WorkItems)
	}
	if err := s.counter.SeeOriginal(ctx, found.PersonID, s.person.DocumentType, s.person.DocumentNumber); err != nil {
		return err
	}
	if _, err := s.counter.Verify(ctx, found.WorkItems[0].ID, campus.Pass); err != nil {
		return err
	}
	s.say("卡务中心核验本人及证件原件", "the card centre has seen the person and the original")
	if _, err := s.reaches(ctx, campus.StageReview); err != nil {
		return err
	}
	for _, call := range []client.Done{{System: "face", Operation: "liveness_check"},
		{System: "face", Operation: "comparison"}} {
		call.Key = campus.StepRef{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: s.application}, Step: "liveness",
			Key: 1}.IdempotencyKey()
		if n, err := s.school.Calls(ctx, call); err != nil || n > 0 {
			return fmt.Errorf("the face service was called %d times for who shows no face: %w", n, err)
		}
	}
	return nil
}

// asksForNationalDay looks at the promise around National Day: seven days off, and a Saturday that is worked (D2).
func (s *storyRun) asksForNationalDay(ctx context.Context) error {
	eve := campus.Date{Year: 2026, Month: time.September, Day: 30}
	promised, err := s.api.Promise(ctx, s.person.University, eve)
	if err != nil {
		return err
	}
	if want := (campus.Date{Year: 2026, Month: time.October, Day: 10}); promised != want {
		return fmt.Errorf("activated on %s, the plastic is promised by %s, not by %s", eve, promised, want)
	}
	s.say("若 %s 激活，国庆放假、调休上班，实体卡承诺 %s 前送达",
		"activated on %s, with National Day off and a Saturday worked, the plastic is promised by %s",
		eve, promised)
	return nil
}
