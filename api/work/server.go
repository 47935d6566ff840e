// Package work is staff's queue of work items, retries of groups, and the words of messages.
package work

import "campuscard/api/core"

// Server answers the addresses of this area.
type Server struct{ *core.Server }

// New adds the addresses to those of a server.
func New(s *core.Server) *Server { return &Server{s} }
