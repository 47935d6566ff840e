package school

import (
	"context"
	"net/http"
)

// SMS is the short-message gateway.
type SMS struct{ client *client }

type receipt struct {
	ID string `json:"id"`
}

func (r *receipt) complete() bool { return r.ID != "" }

// Send hands a text for a phone (E.164) to the gateway; the same message id is sent once.
func (s *SMS) Send(ctx context.Context, messageID, phone, text string) error {
	body := map[string]string{"id": messageID, "phone": phone, "text": text}
	var r receipt
	c := call{method: http.MethodPost, path: []string{"messages"}, key: messageID, body: body}
	if err := s.client.json(ctx, c, &r); err != nil {
		return err
	}
	if r.ID != messageID {
		return s.client.badAnswer("about another message")
	}
	return nil
}
