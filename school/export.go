package school

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

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

// readPage reads a page without its lines. A raw control byte in a text is no JSON, and would keep the whole page out:
// it becomes the character NUL, so that only the line that has it cannot be read.
func readPage(body []byte, page any) error { return json.Unmarshal(escapeControls(body), page) }

// escapeControls writes each raw control byte within a text as JSON writes NUL.
func escapeControls(body []byte) []byte {
	escaped := make([]byte, 0, len(body))
	text, after := false, false // a text has begun; a backslash was just read
	for _, b := range body {
		switch {
		case text && b < ' ':
			if !after {
				escaped = append(escaped, '\\')
			}
			escaped = append(escaped, "u0000"...)
		default:
			escaped = append(escaped, b)
			text = text != (b == '"' && !after)
		}
		after = text && b == '\\' && !after
	}
	return escaped
}

// isNext tells whether a page says where the next one begins.
func isNext(next *string) bool { return next != nil && !strings.ContainsRune(*next, 0) }

// exportCall asks for a page of an export.
func exportCall(university, collection, cursor string, limit int) call {
	query := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(limit)}}
	return call{method: http.MethodGet, university: university, path: []string{collection}, query: query, lines: true}
}
