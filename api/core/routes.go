package core

// Routes adds what is about the program itself, and what became of decisions.
func (s *Server) Routes() {
	Handle(s, Get("/api/v1/decisions/{id}", "What became of a decision", Session()), s.getDecision)
	s.Raw(Get("/healthz", "Lives", Public()), s.healthz)
	s.Raw(Get("/readyz", "Can answer", Public()), s.readyz)
	s.Raw(Get("/metrics", "Prometheus", Public()), s.serveMetrics)
	s.Raw(Get("/openapi.json", "This interface as OpenAPI 3.1", Public()), s.openAPI)
	s.Raw(Get("/docs", "This interface as a page", Public()), s.docs)
}
