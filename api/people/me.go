package people

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
)

type holder struct {
	ID         uuid.UUID       `json:"id" format:"uuid"`
	University string          `json:"university"`
	Number     string          `json:"number"`
	Name       string          `json:"name"`
	Phone      string          `json:"phone" doc:"Last four digits"`
	Level      string          `json:"level"`
	College    string          `json:"college"`
	Campus     string          `json:"campus"`
	Dormitory  string          `json:"dormitory"`
	Language   campus.Language `json:"language" enum:"zh-CN,en"`

	UnreadNotices int `json:"unread_notices" doc:"Messages not read in the app yet"`

	Invitation *invitationView `json:"invitation,omitempty" doc:"Asked to apply, and has not done so yet"`
}

func (s *Server) me(ctx context.Context, _ *struct{}) (*core.Answer[holder], error) {
	p, err := s.Store.People.Person(ctx, core.Person(ctx).ID)
	if err != nil {
		return nil, err
	}
	unread, err := s.Store.Casework.UnreadNotices(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	invited, err := s.invitationTo(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	return core.Answered(holder{
		UnreadNotices: unread, Invitation: invited,
		ID: p.ID, University: p.University, Number: p.Number, Name: p.Name, Phone: p.Phone[max(0, len(p.Phone)-4):],
		Level: p.Level, College: p.College, Campus: p.Campus, Dormitory: p.Dormitory, Language: p.Language,
	}), nil
}

func (s *Server) setLanguage(ctx context.Context, in *core.LanguageChoice) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.People.SetLanguage(ctx, core.Person(ctx).ID, in.Body.Language)
}

type challenge struct {
	ID        uuid.UUID      `json:"id" format:"uuid"`
	Gesture   campus.Gesture `json:"gesture" enum:"nod,blink"`
	Text      string         `json:"text" doc:"What to do, in the caller's language"`
	ExpiresAt time.Time      `json:"expires_at"`
}

// addChallenge draws the gesture (B1): a film made beforehand cannot show it.
func (s *Server) addChallenge(ctx context.Context, _ *struct{}) (*core.Answer[challenge], error) {
	gestures := []campus.Gesture{campus.Nod, campus.Blink}
	gesture := gestures[rand.N(len(gestures))] // a coin, not a key
	who := core.Person(ctx)
	life := s.Policies.For(who.University).Identity.ChallengeLife.Std()
	kept, err := s.Store.Cards.AddChallenge(ctx, s.Request(ctx), who.ID, gesture, life)
	text := campus.Text(core.Language(ctx), "gesture."+string(kept.Gesture), nil)
	return core.Answered(challenge{kept.ID, kept.Gesture, text, kept.ExpiresAt}), err
}

type colleague struct {
	ID          uuid.UUID           `json:"id" format:"uuid"`
	University  string              `json:"university"`
	Username    string              `json:"username"`
	Name        string              `json:"name"`
	Grants      []grant             `json:"grants"`
	Permissions []campus.Permission `json:"permissions"`
}

type grant struct {
	Role     campus.Role `json:"role"`
	Campuses []string    `json:"campuses" doc:"None means all of the university"`
}

func (s *Server) staffMe(ctx context.Context, _ *struct{}) (*core.Answer[colleague], error) {
	m := core.Member(ctx)
	view := colleague{ID: m.ID, University: m.University, Username: m.Username, Name: m.Name,
		Grants: []grant{}, Permissions: append([]campus.Permission{}, m.Permissions()...)}
	for _, g := range m.Grants {
		view.Grants = append(view.Grants, grant{g.Role, append([]string{}, g.Campuses...)})
	}
	return core.Answered(view), nil
}

// invitationView is what a person was asked and has not done yet.
type invitationView struct {
	From      campus.Date `json:"from" format:"date"`
	Until     campus.Date `json:"until" format:"date" doc:"The day by which to apply; whoever comes later may apply all the same"`
	InvitedAt time.Time   `json:"invited_at"`
}

// invitationTo is the open invitation of a person, nil when there is none.
func (s *Server) invitationTo(ctx context.Context, person uuid.UUID) (*invitationView, error) {
	open, err := s.Store.Outreach.OpenInvitation(ctx, person)
	if err != nil || open == nil {
		return nil, err
	}
	return &invitationView{open.FirstDay, open.LastDay, open.InvitedAt}, nil
}
