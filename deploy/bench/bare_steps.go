package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"campuscard/e2e/client"
	"campuscard/school"
)

// bareSteps are the calls of the school's systems that one plain application makes, with what is asked held in memory.
type bareSteps struct{ bare *bareWork }

func (s *bareSteps) person(in bareCase) client.Person { return s.bare.people[in.Person].Person }

// Registry looks the student up (A1).
func (s *bareSteps) Registry(ctx context.Context, in bareCase) error {
	who := s.person(in)
	_, err := s.bare.systems.Academic.Student(ctx, who.University, who.Number)
	return err
}

// Certificate looks the enrolment certificate up (A3).
func (s *bareSteps) Certificate(ctx context.Context, in bareCase) error {
	who := s.person(in)
	_, err := s.bare.systems.Academic.Certificate(ctx, who.University, who.CertificateCode)
	return err
}

// Phone asks the carrier (A3).
func (s *bareSteps) Phone(ctx context.Context, in bareCase) error {
	who := s.person(in)
	match, err := s.bare.systems.Carrier.VerifyHolder(ctx, who.Phone, who.Name, who.DocumentNumber)
	return passed(match, err, "phone")
}

// Liveness has the frames judged (B1).
func (s *bareSteps) Liveness(ctx context.Context, in bareCase) error {
	verdict, err := s.bare.systems.Face.Liveness(ctx, key(in.ID, "liveness"), string(gesture),
		s.bare.people[in.Person].Frames)
	return passed(verdict.Passed, err, "liveness")
}

// Photo fetches the photo on file (B2).
func (s *bareSteps) Photo(ctx context.Context, in bareCase) error {
	who := s.person(in)
	photo, err := s.bare.systems.Academic.Photo(ctx, who.University, who.Number)
	s.bare.mu.Lock()
	defer s.bare.mu.Unlock()
	s.bare.photos[in.ID] = photo.Content
	return err
}

// Compare has the photo compared with a live frame (B2).
func (s *bareSteps) Compare(ctx context.Context, in bareCase) error {
	s.bare.mu.Lock()
	photo := s.bare.photos[in.ID]
	delete(s.bare.photos, in.ID)
	s.bare.mu.Unlock()
	verdict, err := s.bare.systems.Face.Compare(ctx, key(in.ID, "photo"), photo, s.bare.people[in.Person].Frames[0])
	return passed(verdict.Same, err, "photo")
}

// Access makes the card known to access control (C1).
func (s *bareSteps) Access(ctx context.Context, in bareCase) error {
	who := s.person(in)
	_, err := s.bare.systems.Access.Grant(ctx, who.University, key(in.ID, "access"), s.holder(in))
	return err
}

// Library makes the card known to the library (C1).
func (s *bareSteps) Library(ctx context.Context, in bareCase) error {
	who := s.person(in)
	_, err := s.bare.systems.Library.OpenPatron(ctx, who.University, key(in.ID, "library"), s.holder(in))
	return err
}

// Canteen makes the card known to the tills (C1).
func (s *bareSteps) Canteen(ctx context.Context, in bareCase) error {
	who := s.person(in)
	_, err := s.bare.systems.Canteen.OpenAccount(ctx, who.University, key(in.ID, "canteen"), s.holder(in))
	return err
}

// holder has the case for a card, which no card of the product has.
func (s *bareSteps) holder(in bareCase) school.Holder {
	who := s.person(in)
	return school.Holder{CardID: in.ID.String(), Number: who.Number, Name: who.Name, Group: who.Level, Campus: who.Campus}
}

func key(id uuid.UUID, step string) string { return "bare/" + id.String() + "/" + step }

func passed(ok bool, err error, step string) error {
	if err == nil && !ok {
		err = fmt.Errorf("somebody for whom all is well does not pass the step %s", step)
	}
	return err
}
