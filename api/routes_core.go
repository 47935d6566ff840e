package api

// coreRoutes are about the program itself, and what became of decisions.
func (s *Server) coreRoutes() {
	handle(s, get("/api/v1/decisions/{id}", "What became of a decision", session()), s.getDecision)
	s.raw(get("/healthz", "Lives", public()), s.healthz)
	s.raw(get("/readyz", "Can answer", public()), s.readyz)
	s.raw(get("/metrics", "Prometheus", public()), s.serveMetrics)
	s.raw(get("/openapi.json", "This interface as OpenAPI 3.1", public()), s.openAPI)
	s.raw(get("/docs", "This interface as a page", public()), s.docs)
}
