package money

// Routes adds all that is about money.
func (s *Server) Routes() {
	s.topUpRoutes()
}
