package core

import (
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// What is told about a number names its field, and writes bounds as people do.
func TestNumbersInWords(t *testing.T) {
	t.Parallel()
	s := &Server{texts: humaTexts()}
	decoded := func(body string) string {
		var into struct {
			Count  int   `json:"count"`
			Amount int64 `json:"amount_cents"`
			Below  struct {
				Count int `json:"count"`
			} `json:"below"`
		}
		return unmarshalStrictly([]byte(body), &into).Error()
	}
	for name, test := range map[string]struct{ location, message, at, reason, text string }{
		"a great bound": {"body.count", "expected number <= 2.147483647e+09", "body.count", "field_maximum",
			"Not more than 2147483647."},
		"a bound of an amount": {"body.amount_cents", "expected number <= 2e+09", "body.amount_cents", "field_maximum_amount",
			"Not more than 20000000.00 yuan; it is given in fen."},
		"the least amount": {"body.amount_cents", "expected number >= 1", "body.amount_cents", "field_minimum_amount",
			"Not less than 0.01 yuan; it is given in fen."},
		"a part":   {"query.share", "expected number >= 0.5", "query.share", "field_minimum", "Not less than 0.5."},
		"a point":  {"body", decoded(`{"amount_cents": 1.0}`), "body.amount_cents", "field_integer", ""},
		"exponent": {"body", decoded(`{"count": 1e0}`), "body.count", "field_integer", ""},
		"below":    {"body", decoded(`{"below": {"count": 1.0}}`), "body.below.count", "field_integer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.fieldProblem(campus.English, &huma.ErrorDetail{Location: test.location, Message: test.message})
			require.Equal(t, test.at, got.Location, test.message)
			require.Equal(t, test.reason, got.Reason, test.message)
			if test.text != "" {
				require.Equal(t, test.text, got.Message)
			}
		})
	}
}
