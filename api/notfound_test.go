package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/campus"
)

// Whatever an address names and there is not: it is told what that is, and where to look for it.
func TestEveryNotFoundSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	reasons := map[string]string{ // their handlers give one
		"notices": "notice_unknown", "sessions": "session_unknown", "group-retries": "group_retry_unknown", "universities": "university_unknown",
		"notice-templates": "template_unknown", "receipts": "receipt_unknown", "uploads": "upload_unknown",
		"topups": "topup_unknown", "topup-refunds": "refund_unknown", "drawers": "drawer_unknown",
		"channel-conflicts": "conflict_unknown", "appeals": "appeal_unknown", "closes": "close_unknown",
	}
	for name, r := range p.s.Declared {
		if !strings.Contains(r.Path, "{") && r.Access.Audience != core.Hook || !strings.HasPrefix(r.Path, "/api/v1/") {
			continue
		}
		if strings.Contains(r.Path, "{day}") {
			continue // every day has its books
		}
		reason := reasons[r.Names()]
		told := campus.HasText("problem.not_found."+r.Names()) || campus.HasText("problem."+reason)
		require.True(t, told, "%s: not found is told without a word", name)
		if r.Method != http.MethodGet || strings.Contains(r.Path, "{name}") || strings.Contains(r.Path, "/receipts/") { // no font here
			continue
		}
		path := strings.NewReplacer("{id}", uuid.NewString(), "{file}", uuid.NewString(), "{university}",
			"moon").Replace(r.Path)
		switch {
		case strings.HasSuffix(r.Path, "/promise"):
			path += "?activated_on=2026-11-17"
		case strings.Contains(r.Path, "/statement"):
			path += "?from=2026-11-01&until=2026-11-17"
		}
		answer := p.send(r, path, "", nil)
		require.Equal(t, http.StatusNotFound, answer.Code, "%s: %s", name, answer.Body)
		require.NotContains(t, answer.Body.String(), `"detail":"找不到"`, name)
	}
}
