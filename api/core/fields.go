package core

import (
	"errors"
	"slices"

	"campuscard/campus"
)

// sentField is a field of a body of which it depends on another one whether it is read.
type sentField struct {
	name  string
	there bool
}

// SentIf names a field, and tells whether it was sent.
func SentIf(name string, there bool) sentField { return sentField{name, there} }

// Misplaced refuses the first field that is there and does not belong to what was chosen.
func Misplaced(chosen string, belong []string, fields ...sentField) error {
	for _, field := range fields {
		if field.there && !slices.Contains(belong, field.name) {
			return campus.FieldErrorf(field.name, "field_misplaced", "%s does not belong to %s", field.name, chosen)
		}
	}
	return nil
}

// inField tells where in the request the wrong thing stands, of which a rule knows only what is wrong.
func inField(field string, err error) error {
	if known, ok := errors.AsType[*campus.Error](err); ok && known.Code == campus.Invalid {
		moved := *known
		moved.Field = field
		return &moved
	}
	return err
}

// Below tells where in the act the wrong thing stands, of which a handler knows only where in its own body.
func Below(part string, err error) error {
	if known, ok := errors.AsType[*campus.Error](err); ok && known.Field != "" {
		moved := *known
		moved.Also = nil
		for _, field := range known.Also {
			moved.Also = append(moved.Also, part+"."+field)
		}
		return inField(part+"."+known.Field, &moved)
	}
	return err
}
