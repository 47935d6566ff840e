package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"campuscard/campus"
)

// The headers of a signed request. The signature is hex HMAC-SHA256 under the kiosk's secret over
// timestamp, nonce, METHOD, path with query, and body, with a line feed between them.
const (
	KioskHeader     = "X-Kiosk-Id"
	TimestampHeader = "X-Timestamp" // Unix seconds
	NonceHeader     = "X-Nonce"     // 8 to 64 characters, once
	SignatureHeader = "X-Signature"

	kioskTolerance = 2 * time.Minute
)

// checkKiosk lets a kiosk's request through if it was signed by the kiosk, now, and for the first time. The nonce is
// taken last: only the kiosk itself can fill that table.
func (s *Server) checkKiosk(c *gin.Context) {
	request := callOfGin(c)
	if request.Route == nil || request.Route.Access.Audience != Kiosk {
		return
	}
	if err := s.verifyKiosk(c.Request, request); err != nil {
		s.refuse(c, err)
	}
}

func (s *Server) verifyKiosk(r *http.Request, request *Call) error {
	id, nonce, stamp := r.Header.Get(KioskHeader), r.Header.Get(NonceHeader), r.Header.Get(TimestampHeader)
	given, err := hex.DecodeString(r.Header.Get(SignatureHeader))
	if id == "" || stamp == "" || err != nil || len(given) == 0 || !storable(id) {
		return campus.Errorf(campus.Unauthenticated, "signature_missing", "the request is not signed")
	}
	if !validKey(nonce) || len(nonce) > 64 {
		return campus.Errorf(campus.Unauthenticated, "nonce_form", "a nonce has 8 to 64 visible characters")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || s.Store.Now().Sub(time.Unix(seconds, 0)).Abs() > kioskTolerance {
		return campus.Errorf(campus.Unauthenticated, "clock_off", "the timestamp is more than %s away", kioskTolerance)
	}
	known, secret, err := s.Store.People.KioskSecret(r.Context(), id)
	if err != nil && campus.CodeOf(err) != campus.NotFound {
		return err
	}
	// An unknown kiosk has no secret, and is told what a wrong signature is told.
	want := KioskSignature(secret, stamp, nonce, r.Method, r.URL.RequestURI(), request.body)
	if wanted, _ := hex.DecodeString(want); err != nil || !hmac.Equal(given, wanted) {
		return campus.Errorf(campus.Unauthenticated, "signature_wrong", "the signature is wrong")
	}
	if err := s.Store.People.UseNonce(r.Context(), known.ID, nonce); err != nil {
		return err
	}
	request.kiosk, request.Actor = known, campus.Machine(known.ID)
	return nil
}

// KioskSignature returns the signature a kiosk sends, for those who play one: the simulator's pages, the demo, tests.
func KioskSignature(secret []byte, timestamp, nonce, method, path string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	for _, part := range []string{timestamp, nonce, method, path} {
		mac.Write([]byte(part))
		mac.Write([]byte{'\n'})
	}
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
