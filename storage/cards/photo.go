package cards

import (
	"context"

	"github.com/google/uuid"
)

// The registry's photo of an applicant is kept sealed from the moment it is fetched to the verdict, so that the
// register and the face service are asked in steps of their own and no picture travels through a workflow (B4).

const photoFolder = "photos/"

func photoKey(application uuid.UUID) string { return photoFolder + application.String() }

// KeepPhoto keeps the registry's photo for the comparison. No bytes stand for one that cannot be compared.
func (s *Store) KeepPhoto(ctx context.Context, application uuid.UUID, content []byte) error {
	key := photoKey(application)
	return s.PutSealed(ctx, key, content)
}

// Photo returns the registry's photo of an applicant. NotFound: file_gone.
func (s *Store) Photo(ctx context.Context, application uuid.UUID) ([]byte, error) {
	key := photoKey(application)
	return s.GetSealed(ctx, key, "the photo of application "+application.String())
}
