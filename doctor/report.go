package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"campuscard/campus"
)

// line is a finding as it is shown.
type line struct {
	Finding
	Seen string `json:"seen"`
	Do   string `json:"do,omitempty"` // nothing when all is well
}

func lines(found []Finding, language campus.Language) []line {
	shown := make([]line, len(found))
	for i, f := range found {
		words := inWords(f.Values, language)
		shown[i] = line{Finding: f, Seen: campus.Text(language, "doctor."+f.Code, words)}
		if f.Level != OK && f.Code != unseen { // that is said where it was seen
			shown[i].Do = campus.Text(language, "doctor."+f.Code+".do", words)
		}
	}
	return shown
}

// inWords returns values with our codes in words. Programs get the code.
func inWords(v values, language campus.Language) map[string]string {
	words := maps.Clone(v)
	if step, found := v["step"]; found {
		words["step"] = campus.StepText(language, step)
	}
	if cause, found := v["cause"]; found {
		words["cause"] = campus.CauseText(language, campus.Code(cause))
	}
	return words
}

// WriteJSON writes a report for programs.
func WriteJSON(w io.Writer, found []Finding, language campus.Language) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(struct {
		Level  Level  `json:"level"` // the worst
		Checks []line `json:"checks"`
	}{Worst(found), lines(found, language)})
}

// WriteText writes a report for people: a line for each check, and below it what to do.
func WriteText(w io.Writer, found []Finding, language campus.Language) error {
	width := 0
	for _, f := range found {
		width = max(width, len(f.Check))
	}
	var text strings.Builder
	count := map[Level]int{}
	for _, l := range lines(found, language) {
		count[l.Level]++
		fmt.Fprintf(&text, "%-4s  %-*s  %s\n", l.Level, width, l.Check, l.Seen)
		if l.Do != "" {
			fmt.Fprintf(&text, "      %*s  → %s\n", width, "", l.Do)
		}
	}
	text.WriteString("\n" + campus.Text(language, "doctor.sum", map[string]string{
		"ok": strconv.Itoa(count[OK]), "warn": strconv.Itoa(count[Warn]), "fail": strconv.Itoa(count[Fail]),
	}) + "\n")
	_, err := io.WriteString(w, text.String())
	return err
}

// Worst returns the worst level of a report.
func Worst(found []Finding) Level {
	worst := OK
	for _, f := range found {
		if f.Level == Fail || f.Level == Warn && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// broken returns a check that could not be made although its part answers.
func broken(err error) []Finding { return fail("broken", values{"error": oneLine(err)}) }

// oneLine leaves out the address of a request: the finding names it.
func oneLine(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return oneLineText(err.Error())
}

// oneLineText keeps what others say short and on its line.
func oneLineText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}

// span returns a duration as people read it.
func span(d time.Duration) string {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

func days(d time.Duration) string { return strconv.Itoa(int(d.Hours() / 24)) }
