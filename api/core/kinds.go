package core

import (
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"campuscard/campus"
)

// Kinds have their entry in package campus. What has one there can be asked for in every list, and nobody lists the
// kinds once more.

// caseKinds, itemKinds and parties are how the description of the API has the values of these types.
type (
	caseKinds struct{}
	itemKinds struct{}
	parties   struct{}
)

// Schema implements huma.SchemaProvider.
func (caseKinds) Schema(huma.Registry) *huma.Schema { return OneOf(campus.CaseKinds()) }

// Schema implements huma.SchemaProvider.
func (itemKinds) Schema(huma.Registry) *huma.Schema { return OneOf(campus.WorkItemKinds()) }

// Schema implements huma.SchemaProvider.
func (parties) Schema(huma.Registry) *huma.Schema { return OneOf(campus.Parties()) }

// OneOf describes a text that is one of some, each of which is told once.
func OneOf[T ~string](values []T) *huma.Schema {
	schema := &huma.Schema{Type: huma.TypeString}
	for _, value := range values {
		if !slices.Contains(schema.Enum, any(string(value))) {
			schema.Enum = append(schema.Enum, string(value))
		}
	}
	return schema
}
