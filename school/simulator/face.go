package simulator

import (
	"errors"
	"net/http"

	"go.etcd.io/bbolt"

	"campuscard/school/simulator/vision"
)

const mostFrames = 10

func (s *Simulator) livenessCheck(c *call) act {
	var asked struct {
		Action string   `json:"action"`
		Frames [][]byte `json:"frames"`
	}
	if c.read(&asked) != nil || asked.Action != "nod" && asked.Action != "blink" {
		return always(refuse(http.StatusBadRequest, "incomplete"))
	}
	if len(asked.Frames) == 0 || len(asked.Frames) > mostFrames {
		return always(refuse(http.StatusUnprocessableEntity, "number_of_frames"))
	}
	reason, score, err := vision.Liveness(asked.Action, asked.Frames)
	return c.judged(map[string]any{"passed": reason == "", "reason": reason, "score": score}, err)
}

func (s *Simulator) comparison(c *call) act {
	var asked struct {
		Photo []byte `json:"photo"`
		Live  []byte `json:"live"`
	}
	if c.read(&asked) != nil {
		return always(refuse(http.StatusBadRequest, "incomplete"))
	}
	reason, score, err := vision.Compare(asked.Photo, asked.Live)
	return c.judged(map[string]any{"same": reason == "", "reason": reason, "score": score}, err)
}

// judged returns the act of a verdict: what the city bills for, once per key.
func (c *call) judged(verdict any, err error) act {
	if errors.Is(err, vision.ErrPicture) {
		return always(refuse(http.StatusUnprocessableEntity, "not_a_picture"))
	}
	return func(tx *bbolt.Tx) (answer, error) {
		if err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusOK, verdict), c.happened(tx)
	}
}
