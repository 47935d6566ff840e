package core

import (
	"github.com/google/uuid"

	"campuscard/campus"
)

// CaseInput names a case in the path.
type CaseInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// LanguageChoice is the language in which somebody wants to be written to.
type LanguageChoice struct {
	Body struct {
		Language campus.Language `json:"language" enum:"zh-CN,en"`
	}
}
