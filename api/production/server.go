// Package production is batches, deliveries, kiosks, and what machines report.
package production

import "campuscard/api/core"

// Server answers the addresses of this area.
type Server struct{ *core.Server }

// New adds the addresses to those of a server.
func New(s *core.Server) *Server { return &Server{s} }
