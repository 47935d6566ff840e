// Package outreach is invitations in waves.
package outreach

import "campuscard/api/core"

// Server answers the addresses of this area.
type Server struct{ *core.Server }

// New adds the addresses to those of a server.
func New(s *core.Server) *Server { return &Server{s} }
