package client

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Staff is a member of staff, signed in.
type Staff struct{ session }

// StaffSignIn signs a member of staff in.
func (c *Client) StaffSignIn(ctx context.Context, university, username, password string) (*Staff, error) {
	body := map[string]string{"university": university, "username": username, "password": password}
	var o opened
	if err := c.post(ctx, "", "/api/v1/staff/sessions", body, &o); err != nil {
		return nil, err
	}
	return &Staff{session{c, o.Token}}, nil
}

// Case returns one case of the university.
func (s *Staff) Case(ctx context.Context, id uuid.UUID) (StaffCase, error) {
	var found StaffCase
	err := s.client.do(ctx, get(s.token, "/api/v1/staff/cases/"+id.String(), nil), &found)
	return found, err
}

// Look returns the content of a piece of evidence.
func (s *Staff) Look(ctx context.Context, application, file uuid.UUID) ([]byte, error) {
	var content []byte
	err := s.client.do(ctx, get(s.token, fmt.Sprintf("/api/v1/staff/cases/%s/files/%s", application, file), nil), &content)
	return content, err
}

// Claim takes a work item.
func (s *Staff) Claim(ctx context.Context, item uuid.UUID) error {
	return s.client.post(ctx, s.token, "/api/v1/staff/work-items/"+item.String()+"/claim", nil, nil)
}

// Review decides about an application; the reason is a code of the catalogue.
func (s *Staff) Review(ctx context.Context, item uuid.UUID, action campus.ReviewAction, reason string) (Decision,
	error) {
	body := map[string]any{"action": action}
	if reason != "" {
		body["reason"] = reason
	}
	return s.decide(ctx, "/api/v1/staff/work-items/"+item.String()+"/decision", body)
}

// SeeOriginal keeps that the person stands at the counter with the original of their document; it never expires.
func (s *Staff) SeeOriginal(ctx context.Context, person uuid.UUID, documentType, number string) error {
	body := map[string]any{"document_type": documentType, "document_number": number, "never_expires": true}
	return s.client.post(ctx, s.token, "/api/v1/staff/people/"+person.String()+"/verifications", body, nil)
}

// Verify says whether the person at the counter is the one of the document.
func (s *Staff) Verify(ctx context.Context, item uuid.UUID, verdict campus.Verdict) (Decision, error) {
	return s.decide(ctx, "/api/v1/staff/work-items/"+item.String()+"/decision", map[string]any{"action": verdict})
}

// Retry has a parked step tried once more; attempt is the one that was looked at.
func (s *Staff) Retry(ctx context.Context, id uuid.UUID, step string, attempt int) (Decision, error) {
	return s.settle(ctx, id, step, map[string]any{"action": campus.RetryStep, "attempt": attempt})
}

// Skip has a parked step left out, once a second person has asked for the same.
func (s *Staff) Skip(ctx context.Context, id uuid.UUID, step string, attempt int, note string) (Decision, error) {
	return s.settle(ctx, id, step, map[string]any{"action": campus.SkipStep, "attempt": attempt, "note": note})
}

func (s *Staff) settle(ctx context.Context, id uuid.UUID, step string, body map[string]any) (Decision, error) {
	return s.decide(ctx, fmt.Sprintf("/api/v1/staff/cases/%s/steps/%s/settlement", id, step), body)
}

// OpenCampaign asks the people of the university to apply, in waves from today on.
func (s *Staff) OpenCampaign(ctx context.Context, audience campus.Audience, until campus.Date) (uuid.UUID, error) {
	var opened struct {
		ID uuid.UUID `json:"id"`
	}
	body := map[string]any{"audience": audience, "from": campus.DateOf(time.Now()), "until": until}
	err := s.client.post(ctx, s.token, "/api/v1/staff/invitations", body, &opened)
	return opened.ID, err
}

// Pause stops a campaign for a while.
func (s *Staff) Pause(ctx context.Context, campaign uuid.UUID) (Decision, error) {
	return s.decide(ctx, "/api/v1/staff/invitations/"+campaign.String()+"/pause", nil)
}

// Once returns the same member of staff with requests that are tried once, see Student.Once.
func (s *Staff) Once() *Staff {
	client := *s.client
	client.patience = 0
	return &Staff{session{&client, s.token}}
}
