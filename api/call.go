package api

import (
	"context"

	"github.com/gin-gonic/gin"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/people"
)

// call is what is known about one request. The middlewares fill it in their order; handlers read it from the context.
type call struct {
	id        string
	route     *route
	language  campus.Language
	chosen    bool // the language was asked for, so the person's does not replace it
	principal people.Principal
	address   string // of the client, as far as it is one caller's: of IPv6 the /64
	kiosk     people.Kiosk
	actor     campus.Actor
	turn      *turn // of a file that is sent
	body      []byte
	bodyRead  bool // to its end
	bodyCut   bool // reading it was given up
	request   casework.Request
	bound     *bound // of the time that all of it may take
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf is the call of a context. Outside a request it is an empty one.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{language: campus.Chinese}
}

func callOfGin(c *gin.Context) *call { return callOf(c.Request.Context()) }

// request is the POST with its Idempotency-Key, for storage's methods.
func (s *Server) request(ctx context.Context) casework.Request { return callOf(ctx).request }

// person is the holder that calls; the route must be one of students() or initial().
func person(ctx context.Context) people.SignedInPerson { return *callOf(ctx).principal.Person }

// member is the member of staff that calls; the route must be one of staff().
func member(ctx context.Context) campus.StaffMember { return *callOf(ctx).principal.Staff }

// machine is the kiosk that calls; the route must be one of kiosks().
func machine(ctx context.Context) people.Kiosk { return callOf(ctx).kiosk }

// actor is whoever calls.
func actor(ctx context.Context) campus.Actor { return callOf(ctx).actor }

// language is the one to answer in.
func language(ctx context.Context) campus.Language { return callOf(ctx).language }

// rawBody is the body as it was sent, for signatures over it.
func rawBody(ctx context.Context) []byte { return callOf(ctx).body }
