// Package money is what cards pay with: top-ups and the cash at the counters.
package money

import "campuscard/api/core"

// Server answers the addresses of this area.
type Server struct{ *core.Server }

// New adds the addresses to those of a server.
func New(s *core.Server) *Server { return &Server{s} }
