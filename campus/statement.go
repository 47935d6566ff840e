package campus

import (
	"strings"
	"time"
)

// FilesPolicy bounds the files that holders take of their statements (E4).
type FilesPolicy struct {
	Longest Duration `yaml:"longest"`
	Lines   int      `yaml:"lines"`
	PerHour int      `yaml:"per_hour"` // that a holder may take, at each api process
}

func (p FilesPolicy) check() error {
	const longest = 5 * 366 * 24 * time.Hour // each month of it is looked at
	switch {
	case p.Longest.Std() < 24*time.Hour || p.Longest.Std() > longest:
		return Errorf(Invalid, "", "policy money.statement_files.longest must be between a day and five years")
	case p.Lines < 1 || p.Lines > 1_000_000:
		return Errorf(Invalid, "", "policy money.statement_files.lines must be between 1 and a million")
	case p.PerHour < 1:
		return Errorf(Invalid, "", "policy money.statement_files.per_hour must be at least 1")
	}
	return nil
}

// CheckPeriod refuses a time that no file is about, from a first to a last day. Invalid: statement_period.
func (p FilesPolicy) CheckPeriod(from, until Date) error {
	if until.Before(from) || until.End().Sub(from.Start()) > p.Longest.Std() {
		return FieldErrorf("until", "statement_period", "a statement is about %s at most", p.Longest.Std())
	}
	return nil
}

// EntryState is what has become of a transfer by now.
type EntryState string

// The states of a transfer in a statement.
const (
	PostedEntry     EntryState = "posted"
	PartlyBackEntry EntryState = "partly_back"
	BackEntry       EntryState = "back"
	ReversedEntry   EntryState = "reversed" // all of it, by a reversal (冲正)
	VoidedEntry     EntryState = "voided"   // all of it, by a void (撤销)
)

// EntryStateOf is the state of a transfer of which so much was given back; by is the kind of what gave it back, if that
// is known.
func EntryStateOf(cents, back int64, by TransferKind) EntryState {
	switch {
	case back <= 0:
		return PostedEntry
	case back < cents:
		return PartlyBackEntry
	case by == ReversalTransfer:
		return ReversedEntry
	case by == VoidTransfer:
		return VoidedEntry
	}
	return BackEntry
}

// SignedYuanText is YuanText of an amount that may be below nothing: "-12.50".
func SignedYuanText(cents int64) string {
	if cents < 0 {
		return "-" + YuanText(-cents)
	}
	return YuanText(cents)
}

// CellText is a text of somebody as a cell of a table: a program that opens the table takes none for a formula. Some
// drop what nobody sees in front of a cell before they look whether it is one.
func CellText(text string) string {
	seen := strings.TrimLeftFunc(text, invisible)
	if strings.IndexAny(seen, "=+-@＝＋－＠") == 0 || strings.IndexAny(text, "\t\r\n") == 0 {
		return "'" + text
	}
	return text
}
