package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/storage/production"
)

// Kiosk is a machine that hands cards out. Its clock is this machine's.
type Kiosk struct {
	client *Client
	id     string
	secret []byte
}

// Kiosk plays the kiosk of that id.
func (c *Client) Kiosk(id string, secret []byte) *Kiosk { return &Kiosk{c, id, secret} }

// PickUp asks for the compartment of the card that waits under a code.
func (k *Kiosk) PickUp(ctx context.Context, code, document string) (production.Opened, error) {
	var out production.Opened
	r, err := send(http.MethodPost, "", "/api/v1/kiosk/pickups",
		map[string]string{"code": code, "document_number": document})
	if err != nil {
		return out, err
	}
	r.sign = k.sign
	err = k.client.do(ctx, r, &out)
	return out, err
}

// sign signs one try: a repeated one needs a nonce of its own, while its idempotency key stays.
func (k *Kiosk) sign(r *http.Request, body []byte) {
	stamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), uuid.NewString()
	r.Header.Set("X-Kiosk-Id", k.id)
	r.Header.Set("X-Timestamp", stamp)
	r.Header.Set("X-Nonce", nonce)
	r.Header.Set("X-Signature", core.KioskSignature(k.secret, stamp, nonce, r.Method, r.URL.RequestURI(), body))
}
