package core

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
	if request.Route == nil {
		return
	}
	switch request.Route.Access.Audience {
	case Anyone, Hook, Kiosk, Till:
		return
	case SignedIn, FirstTimer, Student, StaffMember:
	default:
		s.refuse(c, campus.Errorf(campus.Forbidden, "route_undeclared", "route %s has no access", c.FullPath()))
		return
	}
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		s.refuse(c, campus.Errorf(campus.Unauthenticated, "token_missing", "no bearer token"))
		return
	}
	principal, err := s.Store.People.FindSession(c.Request.Context(), token)
	if err != nil {
		s.refuse(c, err)
		return
	}
	request.identify(principal)
	if err := mayCall(request.Route.Access, principal); err != nil {
		s.refuse(c, err)
	}
}

func (r *Call) identify(who people.Principal) {
	r.Principal = who
	if !r.chosen {
		r.Language = who.Language
	}
	if who.Staff != nil {
		r.Actor = campus.Staff(who.Staff.ID)
		return
	}
	r.Actor = campus.Student(who.Person.ID)
}

// mayCall compares what a route asks for with who is there.
func mayCall(a Access, who people.Principal) error {
	switch a.Audience {
	case SignedIn:
		return nil
	case StaffMember:
		if who.Staff == nil {
			return campus.Errorf(campus.Forbidden, "staff_only", "for staff")
		}
		if a.Permission != "" && !who.Staff.May(a.Permission, "") {
			return campus.NotPermitted(a.Permission)
		}
		return nil
	case FirstTimer:
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
