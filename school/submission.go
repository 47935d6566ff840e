package school

import (
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"campuscard/campus"
)

// MostSubmitted is how many employees one submission may name.
const MostSubmitted = 1000

// Submission is HR's word that it applies for cards for members of staff (A2). Repeats carry the same ID. It only names
// them; HR is asked who they are.
type Submission struct {
	ID          string
	University  string
	SubmittedAt time.Time
	Numbers     []string // staff numbers, in the order of the message
}

type submissionBody struct {
	Type        string    `json:"type"`
	University  string    `json:"university"`
	SubmittedAt time.Time `json:"submitted_at"`
	Employees   []struct {
		Number string `json:"number"`
	} `json:"employees"`
}

// VerifySubmission checks a signed submission of an HR system (Standard Webhooks) and reads it, with the errors of
// VerifyCallback. Each university has a secret of its own: the sender is the one that has signed, whatever the message
// says, and submits for itself alone. Forbidden: callback_university.
func VerifySubmission(secrets map[string]string, header http.Header, body []byte, now time.Time) (Submission, error) {
	sender, err := signedBy(secrets, header, body, now)
	if err != nil {
		return Submission{}, err
	}
	var b submissionBody
	if err := readStrictly(body, &b); err != nil {
		return Submission{}, notAsAgreed()
	}
	if b.Type != "staff.submitted" || b.University == "" || !short(b.University) || !campus.PlausibleTime(b.SubmittedAt) ||
		len(b.Employees) == 0 || len(b.Employees) > MostSubmitted {
		return Submission{}, incomplete()
	}
	if b.University != sender {
		return Submission{}, campus.Errorf(campus.Forbidden, "callback_university",
			"call-back: %s has signed for another university", sender)
	}
	s := Submission{ID: header.Get(webhooks.HeaderWebhookID), University: sender, SubmittedAt: b.SubmittedAt}
	for _, e := range b.Employees {
		if e.Number == "" || utf8.RuneCountInString(e.Number) > campus.MostNumber {
			return Submission{}, incomplete()
		}
		s.Numbers = append(s.Numbers, e.Number)
	}
	return s, nil
}

// signedBy returns the university with whose secret a message is signed, with the errors of verifySignature.
func signedBy(secrets map[string]string, header http.Header, body []byte, now time.Time) (university string,
	err error) {
	var unsigned error = campus.Errorf(campus.Unauthenticated, "callback_signature",
		"call-back: signed by none of the universities")
	for university, secret := range secrets {
		err := verifySignature(secret, header, body, now)
		switch {
		case campus.CodeOf(err) == campus.Internal: // no secret: nobody signs with it
			unsigned = err
		case campus.ReasonOf(err) != "callback_signature":
			return university, err
		}
	}
	return "", unsigned
}

// CheckSecretsOfHR refuses secrets that do not tell the universities apart.
func CheckSecretsOfHR(secrets map[string]string) error {
	if len(slices.Compact(slices.Sorted(maps.Values(secrets)))) < len(secrets) {
		return campus.Errorf(campus.Invalid, "", "two universities have the same secret of their HR systems")
	}
	return nil
}
