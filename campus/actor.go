package campus

import (
	"strings"

	"github.com/google/uuid"
)

// ActorKind tells what sort of somebody acts.
type ActorKind string

// The kinds of actor.
const (
	StudentActor ActorKind = "student"
	StaffActor   ActorKind = "staff"
	MachineActor ActorKind = "machine" // a kiosk, a terminal, another system
	SystemActor  ActorKind = "system"  // the product itself: a timer, an import
)

// Actor is who did something. ID is never a name or a number of a person.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`
}

// System returns the product itself as an actor.
func System() Actor { return Actor{Kind: SystemActor} }

// Student returns the holder as an actor.
func Student(person uuid.UUID) Actor { return Actor{StudentActor, person.String()} }

// Staff returns a member of staff as an actor.
func Staff(id uuid.UUID) Actor { return Actor{StaffActor, id.String()} }

// Machine returns a kiosk or another system as an actor.
func Machine(id string) Actor { return Actor{MachineActor, id} }

// String returns the form kept in tables: "staff/0190…".
func (a Actor) String() string {
	if a.ID == "" {
		return string(a.Kind)
	}
	return string(a.Kind) + "/" + a.ID
}

// ParseActor reads the form kept in tables. Internal: the text is no actor.
func ParseActor(kept string) (Actor, error) {
	kind, id, _ := strings.Cut(kept, "/")
	switch a := (Actor{ActorKind(kind), id}); a.Kind {
	case StudentActor, StaffActor, MachineActor, SystemActor:
		return a, nil
	}
	return Actor{}, Errorf(Internal, "", "no kind of actor is called like the kept one")
}
