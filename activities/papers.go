package activities

import (
	"context"
	"slices"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/people"
)

// paper is what the office that has issued a paper says of it.
type paper struct {
	number     string // of the person it is about
	name       string // of the same; empty: not said
	valid      bool
	from, till campus.Date // zero: no such limit
}

// judge gives the verdict on a paper; its reasons begin with the word for it.
func (p paper) judge(word string, who people.Identity, today campus.Date) (campus.Verdict, string) {
	switch {
	case p.number != who.Number, p.name != "" && !campus.SameName(p.name, who.Name):
		return campus.Fail, word + "_of_another"
	case !p.from.IsZero() && today.Before(p.from):
		return campus.Fail, word + "_not_yet_valid"
	case !p.valid, !p.till.IsZero() && p.till.Before(today):
		return campus.Fail, word + "_expired"
	}
	return campus.Pass, ""
}

// checkPaper asks the office for a paper by the code that was handed in with it.
func (a *Activities) checkPaper(ctx context.Context, ref campus.StepRef, item campus.Item, word string,
	ask func(ctx context.Context, university, code string) (paper, error)) (campus.Finding, error) {
	return attemptAbout(ctx, a, ref, a.store.Cards.OpenPaperAttempt,
		func(ctx context.Context, who cards.Applicant) (campus.Finding, error) {
			finding := campus.Finding{Item: item}
			i := slices.IndexFunc(who.Evidence, func(e cards.Evidence) bool { return e.Item == item })
			if i < 0 {
				finding.Verdict, finding.Reason = campus.Unknown, campus.MissingReason
				return finding, nil
			}
			found, err := ask(ctx, who.University, who.Evidence[i].Code)
			switch {
			case campus.CodeOf(err) == campus.NotFound:
				finding.Verdict, finding.Reason = campus.Fail, word+"_unknown"
			case err != nil:
				return finding, err
			default:
				finding.Verdict, finding.Reason = found.judge(word, who.Identity, campus.DateOf(a.store.Now()))
			}
			return finding, nil
		})
}

// CheckCertificate asks Academic Affairs whether the enrolment certificate is the applicant's and valid (A3).
func (a *Activities) CheckCertificate(ctx context.Context, ref campus.StepRef) (campus.Finding, error) {
	return a.checkPaper(ctx, ref, campus.CertificateItem, "certificate",
		func(ctx context.Context, university, code string) (paper, error) {
			c, err := a.school.Academic.Certificate(ctx, university, code)
			return paper{number: c.Number, valid: c.Status == "valid", till: c.ValidUntil}, err
		})
}

// CheckResidence asks the register of temporary residences for the applicant's registration (A4).
func (a *Activities) CheckResidence(ctx context.Context, ref campus.StepRef) (campus.Finding, error) {
	return a.checkPaper(ctx, ref, campus.ResidenceItem, "residence",
		func(ctx context.Context, university, code string) (paper, error) {
			r, err := a.school.International.ResidenceRegistration(ctx, university, code)
			return paper{number: r.Number, name: r.Name, valid: r.Status == "valid", from: r.ValidFrom, till: r.ValidUntil}, err
		})
}

// CheckLetter asks the International Student Service Centre for the letter it has written (A4).
func (a *Activities) CheckLetter(ctx context.Context, ref campus.StepRef) (campus.Finding, error) {
	return a.checkPaper(ctx, ref, campus.LetterItem, "letter",
		func(ctx context.Context, university, code string) (paper, error) {
			l, err := a.school.International.Letter(ctx, university, code)
			return paper{number: l.Number, name: l.Name, valid: l.Status == "valid", from: l.IssuedOn, till: l.ValidUntil}, err
		})
}
