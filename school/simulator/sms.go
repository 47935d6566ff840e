package simulator

import (
	"net/http"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// message is a short message in somebody's inbox.
type message struct {
	ID    string    `json:"id"`
	Phone string    `json:"phone"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// sendMessage delivers at once. The gateway's idempotency key is the message id, so a repeat is no second message.
func (s *Simulator) sendMessage(c *call) act {
	var m message
	if c.read(&m) != nil || m.ID != c.key || m.Text == "" {
		return always(refuse(http.StatusBadRequest, "incomplete"))
	}
	c.reference = m.ID
	if !strings.HasPrefix(m.Phone, "+") || len(m.Phone) < 8 {
		return always(refuse(http.StatusUnprocessableEntity, "phone_form"))
	}
	m.At = now()
	return func(tx *bbolt.Tx) (answer, error) {
		if err := add(tx, messageBucket, m); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusAccepted, map[string]string{"id": m.ID}), c.happened(tx)
	}
}

func (s *Simulator) listMessages(w http.ResponseWriter, r *http.Request) {
	phone := r.URL.Query().Get("phone")
	list(s, w, r, messageBucket, "messages", func(m message) bool { return is(phone, m.Phone) }, phone)
}
