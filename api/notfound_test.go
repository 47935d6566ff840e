package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Whatever an address names and there is not: it is told what that is, and where to look for it.
func TestEveryNotFoundSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	reasons := map[string]string{ // their handlers give one
		"notices": "notice_unknown", "sessions": "session_unknown", "group-retries": "group_retry_unknown", "universities": "university_unknown",
		"notice-templates": "template_unknown", "receipts": "receipt_unknown", "uploads": "upload_unknown",
	}
	for name, r := range p.s.declared {
		if !strings.Contains(r.path, "{") && r.access.audience != hook || !strings.HasPrefix(r.path, "/api/v1/") {
			continue
		}
		reason := reasons[r.names()]
		told := campus.HasText("problem.not_found."+r.names()) || campus.HasText("problem."+reason)
		require.True(t, told, "%s: not found is told without a word", name)
		if r.method != http.MethodGet || strings.Contains(r.path, "{name}") || strings.Contains(r.path, "/receipts/") { // no font here
			continue
		}
		path := strings.NewReplacer("{id}", uuid.NewString(), "{file}", uuid.NewString(), "{university}", "moon").Replace(r.path)
		if strings.HasSuffix(r.path, "/promise") {
			path += "?activated_on=2026-11-17"
		}
		answer := p.send(r, path, "", nil)
		require.Equal(t, http.StatusNotFound, answer.Code, "%s: %s", name, answer.Body)
		require.NotContains(t, answer.Body.String(), `"detail":"找不到"`, name)
	}
}
