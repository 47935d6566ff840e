package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"go.etcd.io/bbolt"
)

// admit makes a change asked for by the admin side and shows what is now true.
func (s *Simulator) admit(w http.ResponseWriter, now any, change func(*bbolt.Tx) error) {
	s.show(w, now, s.store.update(change))
}

func (s *Simulator) show(w http.ResponseWriter, body any, err error) {
	if err != nil {
		s.log.Error("admin side", "error", err)
		refuse(http.StatusInternalServerError, "internal").write(w)
		return
	}
	jsonAnswer(http.StatusOK, body).write(w)
}

// limit returns the limit parameter, or the default.
func limit(r *http.Request, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// list shows the newest records that match, oldest first, and how many match in all. The raw text is looked through
// for what is wanted before anything is decoded: the log of a long run has millions of records.
func list[T any](s *Simulator, w http.ResponseWriter, r *http.Request, bucket, name string, match func(T) bool,
	hints ...string) {
	records, count, most := []T{}, 0, limit(r, 1000)
	err := s.store.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			if !containsAll(v, hints) {
				continue
			}
			var record T
			if err := json.Unmarshal(v, &record); err != nil {
				return err
			}
			if !match(record) {
				continue
			}
			if count++; count <= most {
				records = append(records, record)
			}
		}
		return nil
	})
	for i, j := 0, len(records)-1; i < j; i, j = i+1, j-1 {
		records[i], records[j] = records[j], records[i]
	}
	s.show(w, map[string]any{name: records, "count": count}, err)
}

func containsAll(raw []byte, hints []string) bool {
	for _, h := range hints {
		quoted, _ := json.Marshal(h) // as it stands in the record
		if h != "" && !bytes.Contains(raw, quoted) {
			return false
		}
	}
	return true
}

func (s *Simulator) listCalls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	system, university, operation := q.Get("system"), q.Get("university"), q.Get("operation")
	reference, key := q.Get("reference"), q.Get("key")
	match := func(c loggedCall) bool {
		return is(system, c.System) && is(university, c.University) && is(operation, c.Operation) &&
			is(reference, c.Reference) && is(key, c.Key)
	}
	list(s, w, r, callBucket, "calls", match, system, university, operation, reference, key)
}

func (s *Simulator) listEffects(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	system, university, operation := q.Get("system"), q.Get("university"), q.Get("operation")
	reference, key := q.Get("reference"), q.Get("key")
	match := func(e effect) bool {
		return is(system, e.System) && is(university, e.University) && is(operation, e.Operation) &&
			is(reference, e.Reference) && is(key, e.Key)
	}
	list(s, w, r, effectBucket, "effects", match, system, university, operation, reference, key)
}

// is tells whether a filter, if set, matches.
func is(want, got string) bool { return want == "" || want == got }

// reset forgets everything but the seeded people.
func (s *Simulator) reset(w http.ResponseWriter, _ *http.Request) {
	s.admit(w, map[string]string{"status": "reset"}, func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return makeBuckets(tx)
	})
}
