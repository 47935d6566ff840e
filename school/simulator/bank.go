package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

// PayoutSettings is how the bank pays merchants.
type PayoutSettings struct {
	Lines    string `json:"lines"`    // what becomes of each: paid (the default), processing, bounced
	Repeated bool   `json:"repeated"` // it names each line twice
	Refused  bool   `json:"refused"`  // it takes no file
}

// payoutSettings is their place among the settings.
const payoutSettings = "payouts"

// keptFile is a file as the bank keeps it.
type keptFile struct {
	University string                 `json:"university"`
	File       school.PayoutFile      `json:"file"`
	State      school.PayoutFileState `json:"state"`
	Times      int                    `json:"times"` // it came so often
}

// payoutOf is the state of a line with a reason, if it bounced.
func payoutOf(line, state string) school.PayoutLineState {
	made := school.PayoutLineState{Line: line, State: state}
	if state == school.PayoutBounced {
		made.Reason = "account_closed"
	}
	return made
}

// takePayoutFile pays a file once. The same again is answered with how far it is; another content is refused.
func (s *Simulator) takePayoutFile(c *call) act {
	var f school.PayoutFile
	if c.read(&f) != nil || f.File == "" || len(f.Lines) == 0 {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	c.reference = f.File
	return func(tx *bbolt.Tx) (answer, error) {
		place := c.university + "/" + f.File
		kept, found, err := get[keptFile](tx, payoutBucket, place)
		if err != nil {
			return answer{}, err
		}
		set, _, err := get[PayoutSettings](tx, settingBucket, payoutSettings)
		switch {
		case err != nil:
			return answer{}, err
		case found && !sameJSON(kept.File, f):
			return refuse(http.StatusConflict, "file_differs"), nil
		case found:
			kept.Times++
			return jsonAnswer(http.StatusOK, set.told(kept.State)), put(tx, payoutBucket, place, kept)
		case set.Refused:
			return refuse(http.StatusUnprocessableEntity, "file_not_possible"), nil
		}
		kept = keptFile{University: c.university, File: f, State: school.PayoutFileState{File: f.File}, Times: 1}
		for _, line := range f.Lines {
			state := set.Lines
			if state == "" {
				state = school.PayoutPaid
			}
			kept.State.Lines = append(kept.State.Lines, payoutOf(line.Line, state))
		}
		if err := put(tx, payoutBucket, place, kept); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusCreated, set.told(kept.State)), c.happened(tx)
	}
}

// told is a state as the bank tells it.
func (set PayoutSettings) told(state school.PayoutFileState) school.PayoutFileState {
	if set.Repeated {
		state.Lines = append(slices.Clone(state.Lines), state.Lines...)
	}
	return state
}

func sameJSON(one, other any) bool {
	first, err := json.Marshal(one)
	second, wrong := json.Marshal(other)
	return err == nil && wrong == nil && bytes.Equal(first, second)
}

func (s *Simulator) payoutFile(c *call) act {
	c.reference = c.request.PathValue("file")
	return func(tx *bbolt.Tx) (answer, error) {
		kept, found, err := get[keptFile](tx, payoutBucket, c.university+"/"+c.reference)
		if err != nil || !found {
			return notFound(), err
		}
		set, _, err := get[PayoutSettings](tx, settingBucket, payoutSettings)
		return jsonAnswer(http.StatusOK, set.told(kept.State)), err
	}
}

// PayoutAct is what becomes of a line after all, such as one that bounces days later.
type PayoutAct struct {
	File  string `json:"file"`
	Line  string `json:"line"`
	State string `json:"state"`
}

// endPayout has a line become something else.
func (s *Simulator) endPayout(w http.ResponseWriter, r *http.Request) {
	var a PayoutAct
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&a) != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	place := r.PathValue("university") + "/" + a.File
	s.admit(w, a, func(tx *bbolt.Tx) error {
		kept, found, err := get[keptFile](tx, payoutBucket, place)
		if err != nil || !found {
			return err
		}
		for i, line := range kept.State.Lines {
			if line.Line == a.Line {
				kept.State.Lines[i] = payoutOf(a.Line, a.State)
			}
		}
		return put(tx, payoutBucket, place, kept)
	})
}

func (s *Simulator) setPayouts(w http.ResponseWriter, r *http.Request) {
	var set PayoutSettings
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&set) != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	s.admit(w, set, func(tx *bbolt.Tx) error { return put(tx, settingBucket, payoutSettings, set) })
}

// listPayouts shows the files that the bank has.
func (s *Simulator) listPayouts(w http.ResponseWriter, r *http.Request) {
	list(s, w, r, payoutBucket, "files", func(keptFile) bool { return true })
}
