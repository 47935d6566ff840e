package api

import (
	"strings"

	"github.com/gin-gonic/gin"

	"campuscard/campus"
	"campuscard/storage/people"
)

// authenticate finds out who calls and whether the route is for them. Kiosks are checked once the body is there, and
// hooks by their handlers.
func (s *Server) authenticate(c *gin.Context) {
	request := callOfGin(c)
	if request.route == nil {
		return
	}
	switch request.route.access.audience {
	case anyone, hook, kiosk:
		return
	case signedIn, firstTimer, student, staffMember:
	default:
		s.refuse(c, campus.Errorf(campus.Forbidden, "route_undeclared", "route %s has no access", c.FullPath()))
		return
	}
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		s.refuse(c, campus.Errorf(campus.Unauthenticated, "token_missing", "no bearer token"))
		return
	}
	principal, err := s.store.People.FindSession(c.Request.Context(), token)
	if err != nil {
		s.refuse(c, err)
		return
	}
	request.identify(principal)
	if err := mayCall(request.route.access, principal); err != nil {
		s.refuse(c, err)
	}
}

func (r *call) identify(who people.Principal) {
	r.principal = who
	if !r.chosen {
		r.language = who.Language
	}
	if who.Staff != nil {
		r.actor = campus.Staff(who.Staff.ID)
		return
	}
	r.actor = campus.Student(who.Person.ID)
}

// mayCall compares what a route asks for with who is there.
func mayCall(a access, who people.Principal) error {
	switch a.audience {
	case signedIn:
		return nil
	case staffMember:
		if who.Staff == nil {
			return campus.Errorf(campus.Forbidden, "staff_only", "for staff")
		}
		if a.permission != "" && !who.Staff.May(a.permission, "") {
			return campus.NotPermitted(a.permission)
		}
		return nil
	case firstTimer:
		if who.Person == nil || who.Level != people.InitialSession {
			return campus.Errorf(campus.Conflict, "password_set", "the first sign-in is finished")
		}
		return nil
	}
	if who.Person == nil {
		return campus.Errorf(campus.Forbidden, "students_only", "for students")
	}
	if who.Level != people.FullSession {
		return campus.Errorf(campus.Forbidden, "first_password_missing", "the first sign-in is not finished")
	}
	return nil
}
