package school

import (
	"net/http"
	"time"
	"unicode/utf8"

	"campuscard/campus"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// MostSubmitted is how many employees one submission may name.
const MostSubmitted = 1000

// Submission is HR's word that it applies for cards for members of staff (A2). Repeats carry the same ID. It names them
// only; who they are is asked of HR.
type Submission struct {
	ID          string
	University  string
	SubmittedAt time.Time
	Numbers     []string // staff numbers, each once, in the order of the message
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
// VerifyCallback. The secret is HR's own.
func VerifySubmission(secret string, header http.Header, body []byte, now time.Time) (Submission, error) {
	if err := verifySignature(secret, header, body, now); err != nil {
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
	s := Submission{ID: header.Get(webhooks.HeaderWebhookID), University: b.University, SubmittedAt: b.SubmittedAt}
	seen := map[string]bool{}
	for _, e := range b.Employees {
		if e.Number == "" || utf8.RuneCountInString(e.Number) > campus.MostNumber {
			return Submission{}, incomplete()
		}
		if !seen[e.Number] {
			seen[e.Number] = true
			s.Numbers = append(s.Numbers, e.Number)
		}
	}
	return s, nil
}
