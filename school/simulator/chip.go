package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"campuscard/campus"
)

// newChip is the serial number of a chip that was never used: NXP's are seven bytes, of which the first is 04.
func newChip() string {
	rest := make([]byte, 6)
	_, _ = rand.Read(rest) // never fails since Go 1.24
	return "04" + strings.ToUpper(hex.EncodeToString(rest))
}

// chipOf is the chip of a plastic as it was made last; empty while it is not.
func chipOf(tx *bbolt.Tx, reference string) (string, error) {
	id, found, err := get[string](tx, plasticBucket, reference)
	if err != nil || !found {
		return "", err
	}
	made, _, err := get[order](tx, orderBucket, id)
	return made.Production.Chip, err
}

// getChip tells what the chip of a plastic was written with, for programs that play the plastic at a till. The newest
// keys are those of every chip.
func (s *Simulator) getChip(w http.ResponseWriter, r *http.Request) {
	var serial string
	err := s.store.view(func(tx *bbolt.Tx) (err error) {
		serial, err = chipOf(tx, r.PathValue("plastic"))
		return err
	})
	if err == nil && (serial == "" || len(s.chips) == 0) {
		notFound().write(w)
		return
	}
	var chip campus.Chip
	if err == nil {
		chip, err = s.chips.Chip(slices.MaxFunc(slices.Collect(maps.Keys(s.chips)), byVersion), serial)
	}
	s.show(w, chip, err)
}

// byVersion compares versions, which are numbers without leading zeroes.
func byVersion(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
