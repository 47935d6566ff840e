package core

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"campuscard/campus"
)

// wordsTag marks a text that a person writes: one line, or several. The rule for such texts is
// campus.CheckWords; that every such field has the mark, a test.
const (
	wordsTag  = "words"
	manyLines = "lines"
)

// checkInput looks at all texts of people and all moments in the input of a route, before its handler does.
func checkInput(in any) error { return inputBelow("", "", reflect.ValueOf(in)) }

// inputBelow looks at a value and what is in it. field is where in the request it stands.
func inputBelow(field, mark string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if mark != "" {
			return campus.CheckWords(field, v.String(), mark == manyLines)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return inputBelow(field, mark, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := inputBelow(field+"["+strconv.Itoa(i)+"]", mark, v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			return checkMoment(field, at)
		}
		for i := range v.NumField() {
			of := v.Type().Field(i)
			if !of.IsExported() {
				continue
			}
			if err := inputBelow(fieldBelow(field, of), of.Tag.Get(wordsTag), v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkMoment refuses a moment that nobody means, as days are. So is the first one of the year 1, which is Go's zero: a
// moment that may be left out is a pointer.
func checkMoment(field string, at time.Time) error {
	if campus.PlausibleTime(at) {
		return nil
	}
	return campus.FieldErrorf(field, "date_range", "a moment of the year %d", at.Year())
}

// fieldBelow returns the name of a field as the request has it. The body, and what is embedded, has none of its own.
func fieldBelow(above string, of reflect.StructField) string {
	name, _, _ := strings.Cut(of.Tag.Get("json"), ",")
	if name == "" {
		name = of.Tag.Get("query")
	}
	switch {
	case name == "":
		return above
	case above == "":
		return name
	}
	return above + "." + name
}

// plausibleDay is how the description of the API has a day (campus.Date), so that one of another year is refused at its
// field.
type plausibleDay struct{}

// The words for it are in humaTexts.
const (
	PlausibleDays = `^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$`
	plausibleText = "a day of the years 1900 to 2199"
)

// Schema implements huma.SchemaProvider.
func (plausibleDay) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date", Pattern: PlausibleDays, PatternDescription: plausibleText}
}
