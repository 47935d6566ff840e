package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"campuscard/school"
)

// bareSteps are the calls of the school's systems that one plain application makes, with what is asked held in memory.
type bareSteps struct{ bare *bare }

func (s *bareSteps) person(id uuid.UUID) *applicant {
	s.bare.mu.Lock()
	defer s.bare.mu.Unlock()
	return s.bare.people[id]
}

// Registry looks the student up (A1).
func (s *bareSteps) Registry(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	_, err := s.bare.systems.Academic.Student(ctx, who.University, who.Number)
	return err
}

// Certificate looks the enrolment certificate up (A3).
func (s *bareSteps) Certificate(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	_, err := s.bare.systems.Academic.Certificate(ctx, who.University, who.CertificateCode)
	return err
}

// Phone asks the carrier (A3).
func (s *bareSteps) Phone(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	match, err := s.bare.systems.Carrier.VerifyHolder(ctx, who.Phone, who.Name, who.DocumentNumber)
	return passed(match, err, "phone")
}

// Liveness has the frames judged (B1).
func (s *bareSteps) Liveness(ctx context.Context, id uuid.UUID) error {
	verdict, err := s.bare.systems.Face.Liveness(ctx, key(id, "liveness"), string(gesture), s.person(id).pictures.frames)
	return passed(verdict.Passed, err, "liveness")
}

// Photo fetches the photo on file (B2).
func (s *bareSteps) Photo(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	photo, err := s.bare.systems.Academic.Photo(ctx, who.University, who.Number)
	s.bare.mu.Lock()
	defer s.bare.mu.Unlock()
	s.bare.photos[id] = photo.Content
	return err
}

// Compare has the photo compared with a live frame (B2).
func (s *bareSteps) Compare(ctx context.Context, id uuid.UUID) error {
	s.bare.mu.Lock()
	photo := s.bare.photos[id]
	delete(s.bare.photos, id)
	s.bare.mu.Unlock()
	verdict, err := s.bare.systems.Face.Compare(ctx, key(id, "photo"), photo, s.person(id).pictures.frames[0])
	return passed(verdict.Same, err, "photo")
}

// Access makes the card known to access control (C1).
func (s *bareSteps) Access(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	_, err := s.bare.systems.Access.Grant(ctx, who.University, key(id, "access"), s.holder(id))
	return err
}

// Library makes the card known to the library (C1).
func (s *bareSteps) Library(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	_, err := s.bare.systems.Library.OpenPatron(ctx, who.University, key(id, "library"), s.holder(id))
	return err
}

// Canteen makes the card known to the tills (C1).
func (s *bareSteps) Canteen(ctx context.Context, id uuid.UUID) error {
	who := s.person(id).person
	_, err := s.bare.systems.Canteen.OpenAccount(ctx, who.University, key(id, "canteen"), s.holder(id))
	return err
}

// holder has the case for a card, which no card of the product has.
func (s *bareSteps) holder(id uuid.UUID) school.Holder {
	who := s.person(id).person
	return school.Holder{CardID: id.String(), Number: who.Number, Name: who.Name, Group: who.Level, Campus: who.Campus}
}

func key(id uuid.UUID, step string) string { return "bare/" + id.String() + "/" + step }

func passed(ok bool, err error, step string) error {
	if err == nil && !ok {
		err = fmt.Errorf("somebody for whom all is well does not pass the step %s", step)
	}
	return err
}
