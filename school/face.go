package school

import (
	"context"
	"net/http"

	"campuscard/campus"
)

// Face is the city's face service.
type Face struct{ client *client }

// mostFrameBytes is how much the pictures of one liveness check may have together: the service takes 24 MiB, and
// pictures grow by a third on the way.
const mostFrameBytes = 17 << 20

// LivenessResult is a verdict about frames of one person in front of a camera.
type LivenessResult struct {
	Passed   bool
	Unusable bool    // there is no verdict: the service cannot take these pictures
	Reason   string  // action_not_as_asked, too_dark, against_the_light, outside_frame; empty when passed or unusable
	Score    float64 // 0 to 1
}

type livenessAnswer struct {
	Passed *bool    `json:"passed"`
	Reason string   `json:"reason"`
	Score  *float64 `json:"score"`
}

func (a *livenessAnswer) complete() bool {
	return a.Passed != nil && isScore(a.Score) && *a.Passed == (a.Reason == "") && plainWord(a.Reason)
}

// Liveness asks whether the frames (JPEG or PNG, in order) show somebody doing the action, nod or blink.
func (f *Face) Liveness(ctx context.Context, key, action string, frames [][]byte) (LivenessResult, error) {
	total := 0
	for _, frame := range frames {
		total += len(frame)
	}
	if total > mostFrameBytes {
		return LivenessResult{Unusable: true}, nil
	}
	body := struct {
		Action string   `json:"action"`
		Frames [][]byte `json:"frames"`
	}{action, frames}
	var a livenessAnswer
	c := call{method: http.MethodPost, path: []string{"liveness-checks"}, key: key, body: body}
	status, err := f.client.jsonStatus(ctx, c, &a)
	if aboutPicture(status, err) {
		return LivenessResult{Unusable: true}, nil
	}
	if err != nil {
		return LivenessResult{}, err
	}
	return LivenessResult{Passed: *a.Passed, Reason: a.Reason, Score: *a.Score}, nil
}

// aboutPicture tells whether an answer is about the pictures that were sent. Nothing that staff could mend is behind
// it. A request that is wrong otherwise is 400.
func aboutPicture(status int, err error) bool {
	switch status {
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return campus.CodeOf(err) == campus.Refused // not what a proxy in between says
	}
	return false
}

// Comparison is a verdict about two pictures.
type Comparison struct {
	Same     bool
	Unusable bool    // there is no verdict: the service cannot take one of the pictures
	Reason   string  // different, or PhotoOfPhoto; empty when the same or unusable
	Score    float64 // 0 to 1
}

// PhotoOfPhoto is the reason of a comparison that what was handed in as a live frame is the photo on file again.
const PhotoOfPhoto = "photo_of_photo"

type comparisonAnswer struct {
	Same   *bool    `json:"same"`
	Reason string   `json:"reason"`
	Score  *float64 `json:"score"`
}

func (a *comparisonAnswer) complete() bool {
	return a.Same != nil && isScore(a.Score) && *a.Same == (a.Reason == "") && plainWord(a.Reason)
}

// Compare asks whether the photo on file and a live frame show the same person. A photo of no bytes is one that the
// register could not give in a form to compare.
func (f *Face) Compare(ctx context.Context, key string, photo, live []byte) (Comparison, error) {
	if len(photo) == 0 {
		return Comparison{Unusable: true}, nil
	}
	body := struct {
		Photo []byte `json:"photo"`
		Live  []byte `json:"live"`
	}{photo, live}
	var a comparisonAnswer
	c := call{method: http.MethodPost, path: []string{"comparisons"}, key: key, body: body}
	status, err := f.client.jsonStatus(ctx, c, &a)
	if aboutPicture(status, err) {
		return Comparison{Unusable: true}, nil
	}
	if err != nil {
		return Comparison{}, err
	}
	return Comparison{Same: *a.Same, Reason: a.Reason, Score: *a.Score}, nil
}

func isScore(s *float64) bool { return s != nil && *s >= 0 && *s <= 1 }
