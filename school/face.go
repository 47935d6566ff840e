package school

import (
	"context"
	"net/http"
)

// Face is the city's face service.
type Face struct{ client *client }

// LivenessResult is a verdict about frames of one person in front of a camera.
type LivenessResult struct {
	Passed bool
	Reason string  // action_not_as_asked, too_dark, against_the_light, outside_frame; empty when passed
	Score  float64 // 0 to 1
}

type livenessAnswer struct {
	Passed *bool    `json:"passed"`
	Reason string   `json:"reason"`
	Score  *float64 `json:"score"`
}

func (a *livenessAnswer) complete() bool {
	return a.Passed != nil && isScore(a.Score) && *a.Passed == (a.Reason == "")
}

// Liveness asks whether the frames (JPEG or PNG, in order) show somebody doing the action, nod or blink.
func (f *Face) Liveness(ctx context.Context, key, action string, frames [][]byte) (LivenessResult, error) {
	body := struct {
		Action string   `json:"action"`
		Frames [][]byte `json:"frames"`
	}{action, frames}
	var a livenessAnswer
	c := call{method: http.MethodPost, path: []string{"liveness-checks"}, key: key, body: body}
	if err := f.client.json(ctx, c, &a); err != nil {
		return LivenessResult{}, err
	}
	return LivenessResult{*a.Passed, a.Reason, *a.Score}, nil
}

// Comparison is a verdict about two pictures.
type Comparison struct {
	Same   bool
	Reason string  // different, or PhotoOfPhoto; empty when the same
	Score  float64 // 0 to 1
}

// PhotoOfPhoto is the reason of a comparison that what was handed in as a live frame is the photo on file again.
const PhotoOfPhoto = "photo_of_photo"

type comparisonAnswer struct {
	Same   *bool    `json:"same"`
	Reason string   `json:"reason"`
	Score  *float64 `json:"score"`
}

func (a *comparisonAnswer) complete() bool {
	return a.Same != nil && isScore(a.Score) && *a.Same == (a.Reason == "")
}

// Compare asks whether the photo on file and a live frame show the same person.
func (f *Face) Compare(ctx context.Context, key string, photo, live []byte) (Comparison, error) {
	body := struct {
		Photo []byte `json:"photo"`
		Live  []byte `json:"live"`
	}{photo, live}
	var a comparisonAnswer
	c := call{method: http.MethodPost, path: []string{"comparisons"}, key: key, body: body}
	if err := f.client.json(ctx, c, &a); err != nil {
		return Comparison{}, err
	}
	return Comparison{*a.Same, a.Reason, *a.Score}, nil
}

func isScore(s *float64) bool { return s != nil && *s >= 0 && *s <= 1 }
