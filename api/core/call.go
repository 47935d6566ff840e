package core

import (
	"context"

	"github.com/gin-gonic/gin"

	"campuscard/api/files"
	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

// Call is what is known about one request. The middlewares fill it in their order; handlers read it from the context.
type Call struct {
	ID        string
	Route     *Route
	Language  campus.Language
	chosen    bool // the language was asked for, so the person's does not replace it
	Principal people.Principal
	Address   string // of the client, as far as it is one caller's: of IPv6 the /64
	kiosk     people.Kiosk
	till      *money.Till
	Actor     campus.Actor
	turn      *files.Turn // of a file that is sent
	body      []byte
	bodyRead  bool // to its end
	bodyCut   bool // reading it was given up
	request   casework.Request
	bound     *bound // of the time that all of it may take
}

type callKey struct{}

// WithCall puts a call into a context.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallOf returns the call of a context. Outside a request it is an empty one.
func CallOf(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{Language: campus.Chinese}
}

func callOfGin(c *gin.Context) *Call { return CallOf(c.Request.Context()) }

// Request returns the POST with its Idempotency-Key, for storage's methods.
func (s *Server) Request(ctx context.Context) casework.Request { return CallOf(ctx).request }

// Person returns the holder that calls; the route must be one of students() or initial().
func Person(ctx context.Context) people.SignedInPerson { return *CallOf(ctx).Principal.Person }

// Member returns the member of staff that calls; the route must be one of staff().
func Member(ctx context.Context) campus.StaffMember { return *CallOf(ctx).Principal.Staff }

// Machine returns the kiosk that calls; the route must be one of kiosks().
func Machine(ctx context.Context) people.Kiosk { return CallOf(ctx).kiosk }

// TillOf returns the till that calls; the route must be one of Tills().
func TillOf(ctx context.Context) *money.Till { return CallOf(ctx).till }

// Actor returns whoever calls.
func Actor(ctx context.Context) campus.Actor { return CallOf(ctx).Actor }

// Language returns the language to answer in.
func Language(ctx context.Context) campus.Language { return CallOf(ctx).Language }

// RawBody returns the body as it was sent, for signatures over it.
func RawBody(ctx context.Context) []byte { return CallOf(ctx).body }
