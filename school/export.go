package school

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"campuscard/campus"
)

// Line is one line of an export: a person, or the reason why the line cannot be read. One bad line does not keep the
// others out.
type Line[P any] struct {
	Person P
	Fault  string // a key of the text catalogue; empty: it can be read
}

// maxLine is how many bytes a line may have; real ones have a tenth of it.
const maxLine = 16 << 10

// readLines reads the lines of a page, each for itself.
func readLines[P any, C interface {
	*P
	checked
}](page []json.RawMessage) []Line[P] {
	lines := make([]Line[P], len(page))
	for i, raw := range page {
		var p P
		switch {
		case len(raw) > maxLine, campus.HoldsNUL(raw), readStrictly(raw, &p) != nil: // what is wrong may be quoted, and is not told
			lines[i].Fault = "roster.unreadable"
		case !C(&p).complete():
			lines[i].Fault = "roster.incomplete"
		default:
			lines[i].Person = p
		}
	}
	return lines
}

// exportCall asks for a page of an export.
func exportCall(university, collection, cursor string, limit int) call {
	query := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(limit)}}
	return call{method: http.MethodGet, university: university, path: []string{collection}, query: query, lines: true}
}
