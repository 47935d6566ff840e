package api

// fileRoutes are the files that are handed in.
func (s *Server) fileRoutes() {
	handle(s, post("/api/v1/uploads", "Hand in a file", students(), created|form), s.addUpload)
	handle(s, get("/api/v1/uploads/{id}", "What is known about one's file", students()), s.getUpload)
}
