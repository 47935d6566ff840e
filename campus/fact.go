package campus

import (
	"encoding/json"
	"fmt"
)

// FactKind names a fact that is kept with a move. Each table registers beside it what it does with a fact.
type FactKind string

// The kinds of facts.
const (
	FindingFact  FactKind = "finding"         // a Finding, in the place of an older one on the same item
	FlagFact     FactKind = "flag"            // a mark for the reviewer of an application, a string (B2)
	NoteFact     FactKind = "review_note"     // what the move's decision says to the applicant; nothing more
	GrantFact    FactKind = "grant"           // a Granted
	PicturesFact FactKind = "forget_pictures" // Images of an application that nobody needs any more (B4)
)

// Fact is something that a process has learnt, and that is written in the transaction of its next move.
type Fact struct {
	Kind FactKind        `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// NewFact returns a fact of a kind with its data.
func NewFact(kind FactKind, data any) Fact {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("%T is no JSON: %v", data, err)) // by its type: no value changes that
	}
	return Fact{kind, raw}
}

// FindingFacts returns verdicts as facts.
func FindingFacts(findings ...Finding) []Fact {
	facts := make([]Fact, len(findings))
	for i, f := range findings {
		facts[i] = NewFact(FindingFact, f)
	}
	return facts
}

// With returns the move with more facts.
func (m Move) With(facts ...Fact) Move {
	m.Facts = append(m.Facts[:len(m.Facts):len(m.Facts)], facts...)
	return m
}
