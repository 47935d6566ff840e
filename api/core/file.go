package core

// File is an answer that is no JSON. Nobody on the way keeps it.
type File struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Disposition  string `header:"Content-Disposition"`
	Body         []byte
}

// NewFile makes the answer. disposition says whether it is shown or kept, and under which name.
func NewFile(contentType, disposition string, content []byte) *File {
	return &File{ContentType: contentType, CacheControl: "no-store", Disposition: disposition, Body: content}
}

// Files says in /openapi.json which content a route answers instead of JSON.
func (r Route) Files(contentTypes ...string) Route {
	r.files = contentTypes
	return r
}
