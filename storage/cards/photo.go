package cards

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// The registry's photo of an applicant is kept sealed from the moment it is fetched to the verdict, so that the
// register and the face service are asked in steps of their own and no picture travels through a workflow (B4).

const photoFolder = "photos/"

func photoKey(application uuid.UUID) string { return photoFolder + application.String() }

// KeepPhoto keeps the registry's photo for the comparison. No bytes stand for one that cannot be compared.
func (s *Store) KeepPhoto(ctx context.Context, application uuid.UUID, content []byte) error {
	key := photoKey(application)
	return s.Objects.Put(ctx, key, s.Keys.File.Seal(nil, nil, content, []byte(key)))
}

// Photo returns the registry's photo of an applicant. NotFound: file_gone.
func (s *Store) Photo(ctx context.Context, application uuid.UUID) ([]byte, error) {
	key := photoKey(application)
	sealed, err := s.Objects.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	content, err := s.Keys.File.Open(nil, nil, sealed, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("open the photo of application %s: wrong key or damaged", application)
	}
	return content, nil
}
