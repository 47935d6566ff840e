package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"go.etcd.io/bbolt"

	"campuscard/campus"
	"campuscard/school"
)

// FileSettings are what is wrong in the wallet's files of a university (L2).
type FileSettings struct {
	Above int64 `json:"above"` // the first line has so much more
	Lacks bool  `json:"lacks"` // the last line is not there
	Twice bool  `json:"twice"` // the first line is there twice
}

func fileSettingsKey(system, university string) string { return system + "/file/" + university }

// channelFile is a page of what was paid to a channel and by it on a day.
func (s *Simulator) channelFile(c *call) act {
	c.reference = c.request.PathValue("day")
	day, err := campus.ParseDate(c.reference)
	after, wrong := strconv.Atoi(c.request.URL.Query().Get("after"))
	limit, odd := strconv.Atoi(c.request.URL.Query().Get("limit"))
	if err != nil || wrong != nil || odd != nil || after < 0 || limit < 1 {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	return func(tx *bbolt.Tx) (answer, error) {
		lines, err := fileLines(tx, c.system, c.university, day)
		if err != nil {
			return answer{}, err
		}
		rest := lines[min(after, len(lines)):]
		page := school.ChannelFilePage{Day: day, Lines: rest[:min(limit, len(rest))], More: len(rest) > limit}
		return jsonAnswer(http.StatusOK, page), nil
	}
}

// fileLines are the lines of a day, with what the settings have go wrong.
func fileLines(tx *bbolt.Tx, system, university string, day campus.Date) ([]school.ChannelFileLine, error) {
	lines := []school.ChannelFileLine{}
	prefix := system + "/" + university + "/"
	err := each(tx, walletPaidBucket, prefix, func(paid walletPaid) {
		if campus.DateOf(paid.Payment.PaidAt) == day {
			lines = append(lines, school.ChannelFileLine{Kind: string(campus.PaymentLine), Ref: paid.Payment.Transaction,
				AmountCents: paid.Payment.AmountCents, Currency: paid.Payment.Currency})
		}
	})
	if err != nil {
		return nil, err
	}
	err = each(tx, walletRefundBucket, prefix, func(r walletRefund) {
		if r.State.State == school.WalletRefunded && campus.DateOf(r.State.At) == day {
			lines = append(lines, school.ChannelFileLine{Kind: string(campus.RefundLine), Ref: r.Refund.Refund,
				AmountCents: r.Refund.AmountCents, Currency: r.Refund.Currency})
		}
	})
	if err != nil {
		return nil, err
	}
	flaws, _, err := get[FileSettings](tx, settingBucket, fileSettingsKey(system, university))
	return flaws.spoil(lines), err
}

func (f FileSettings) spoil(lines []school.ChannelFileLine) []school.ChannelFileLine {
	if len(lines) == 0 {
		return lines
	}
	first := lines[0]
	if f.Lacks {
		lines = lines[:len(lines)-1]
	}
	if f.Twice {
		lines = append(lines, first)
	}
	if f.Above != 0 && len(lines) > 0 {
		lines[0].AmountCents += f.Above
	}
	return lines
}

// each reads the records of a bucket whose keys begin alike.
func each[T any](tx *bbolt.Tx, bucket, prefix string, use func(T)) error {
	cursor := tx.Bucket([]byte(bucket)).Cursor()
	for key, raw := cursor.Seek([]byte(prefix)); bytes.HasPrefix(key, []byte(prefix)); key, raw = cursor.Next() {
		var record T
		if err := json.Unmarshal(raw, &record); err != nil {
			return err
		}
		use(record)
	}
	return nil
}

// spoilChannelFile has something go wrong in the wallet's files of a university.
func (s *Simulator) spoilChannelFile(w http.ResponseWriter, r *http.Request) {
	var set FileSettings
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&set) != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	university := r.PathValue("university")
	s.admit(w, set, func(tx *bbolt.Tx) error {
		return put(tx, settingBucket, fileSettingsKey(r.PathValue("channel"), university), set)
	})
}
