package core

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"campuscard/campus"
)

// huma checks input and says in English what is wrong. Here its sentences become reasons, whose texts are in the
// catalogue like all others.

// humaText is one sentence of huma's and the reason it stands for. {a} in the text of the reason is the first thing
// the sentence names: a number or a list from the schema, never what the caller sent.
type humaText struct {
	form   *regexp.Regexp
	reason string
}

func humaTexts() []humaText {
	list := []struct{ sentence, reason string }{
		{validation.MsgExpectedRequiredProperty, "field_required"},
		{"required %s parameter is missing", "field_required"},
		{validation.MsgUnexpectedProperty, "field_unknown"},
		{"unknown query parameter", "field_unknown"},
		{validation.MsgExpectedMatchPattern, "field_pattern"},
		{validation.MsgExpectedOneOf, "field_one_of"},
		{validation.MsgExpectedMinLength, "field_min_length"},
		{validation.MsgExpectedMaxLength, "field_max_length"},
		{validation.MsgExpectedMinimumNumber, "field_minimum"},
		{validation.MsgExpectedMaximumNumber, "field_maximum"},
		{validation.MsgExpectedMinItems, "field_min_items"},
		{validation.MsgExpectedMaxItems, "field_max_items"},
		{validation.MsgExpectedArrayItemsUnique, "field_unique"},
		{validation.MsgExpectedBoolean, "field_boolean"},
		{validation.MsgExpectedNumber, "field_number"},
		{validation.MsgExpectedInteger, "field_integer"},
		{"invalid integer", "field_integer"},
		{validation.MsgExpectedString, "field_string"},
		{validation.MsgExpectedArray, "field_array"},
		{validation.MsgExpectedObject, "field_object"},
		{validation.MsgExpectedRFC4122UUID, "field_uuid"},
		{validation.MsgExpectedRFC3339Date, "field_date"},
		{validation.MsgExpectedRFC3339DateTime, "field_time"},
		{fmt.Sprintf(validation.MsgExpectedBePattern, plausibleText), "date_range"},
		{"invalid value: not a day of the years %d to %d", "date_range"},
		{"invalid value: not a date of the form 2006-01-02", "field_date"},
	}
	texts := make([]humaText, 0, len(list))
	verb := regexp.MustCompile(`%[a-z]`)
	for _, entry := range list {
		form := verb.ReplaceAllString(regexp.QuoteMeta(entry.sentence), `(.*)`)
		texts = append(texts, humaText{regexp.MustCompile(`^` + form + `$`), entry.reason})
	}
	return texts
}

// Patterns of fields of more than one route. A tag of a field cannot name them, so these are the same text.
const (
	SaleKey     = campus.SaleKey
	ChannelName = `^[a-z][a-z0-9-]*$`
)

// PatternReasons are what is told about a field that does not match its pattern: nobody reads a regular expression.
var PatternReasons = map[string]string{
	`^[^\r\n]+$`:        "field_one_line",
	`^[^\r\n]*$`:        "field_one_line",
	`^[0-9]{8,20}$`:     "field_card_number",
	`^[A-Z][0-9]{1,3}$`: "field_compartment",
	`^[A-Za-z0-9-]+$`:   "field_paper_code",
	`^[a-z_]+$`:         "field_word",
	`^[a-z_]*$`:         "field_word",
	SaleKey:             "field_sale_key",
	ChannelName:         "field_channel",
	PlausibleDays:       "date_range",
}

// notWhole is what the decoder says of 1.0 and 1e0, which are whole numbers to JSON Schema, and none to Go.
var notWhole = regexp.MustCompile(`^json: cannot unmarshal number .* into Go struct field \w*\.(\S+) of type u?int`)

// boundInWords returns a bound of a field as people write it, an amount in yuan, and the reason whose text has it. huma
// writes 2e+09.
func boundInWords(reason, location, number string) (of, text string) {
	value, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil:
		return reason, number
	case strings.HasSuffix(location, "_cents"):
		return reason + "_amount", campus.YuanText(int64(value))
	}
	return reason, strconv.FormatFloat(value, 'f', -1, 64)
}

// translate turns huma's own errors into problems on their way out; everything else passes.
func (s *Server) translate(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	request := ctx.Context()
	switch model.Status {
	case http.StatusUnprocessableEntity:
		p := s.newProblem(request, campus.Invalid, "fields", "")
		for _, detail := range model.Errors {
			found := s.fieldProblem(CallOf(request).Language, detail)
			last := len(p.Errors) - 1
			if last >= 0 && found.Reason == "field_date" && p.Errors[last].Location == found.Location {
				p.Errors = p.Errors[:last] // what is no date lies in no year either
			}
			p.Errors = append(p.Errors, found)
		}
		return p, nil
	case http.StatusBadRequest:
		return s.badBody(ctx), nil
	case http.StatusUnsupportedMediaType:
		return s.newProblem(request, campus.Unsupported, "media_type", ""), nil
	}
	s.Log.ErrorContext(request, "huma failed", "request_id", CallOf(request).ID, "status", model.Status, "detail",
		model.Detail)
	return s.internal(request), nil
}

// badBody says where the JSON is broken.
func (s *Server) badBody(ctx huma.Context) *Problem {
	request := CallOf(ctx.Context())
	if len(request.body) == 0 {
		return s.newProblem(ctx.Context(), campus.Invalid, "body_missing", "")
	}
	reason, offset := whereBroken(request.body)
	p := s.newProblem(ctx.Context(), campus.Invalid, reason, "")
	if offset != "" {
		p.Errors = []fieldProblem{brokenAt(request.Language, offset)}
	}
	return p
}

func (s *Server) fieldProblem(language campus.Language, detail *huma.ErrorDetail) fieldProblem {
	reason, params := "field_invalid", map[string]string{}
	for _, text := range s.texts {
		found := text.form.FindStringSubmatch(detail.Message)
		if found == nil {
			continue
		}
		reason = text.reason
		if len(found) > 1 {
			params["a"] = found[1]
		}
		break
	}
	location := detail.Location
	if found := notWhole.FindStringSubmatch(detail.Message); found != nil {
		reason, location = "field_integer", location+"."+found[1]
	}
	if reason == "field_minimum" || reason == "field_maximum" {
		reason, params["a"] = boundInWords(reason, location, params["a"])
	}
	if reason == "field_pattern" {
		reason = cmp.Or(PatternReasons[params["a"]], "field_invalid")
	}
	if reason == "field_required" && strings.HasPrefix(location, "body") {
		location += "." + params["a"] // huma names the object that lacks it
	}
	return fieldProblem{Location: location, Field: lastSegment(location), Reason: reason,
		Message: campus.Text(language, "problem."+reason, params)}
}
