package till

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"campuscard/campus"
)

// Chip plays the chip of a plastic. It counts its reads in a journal on disk before it says anything, as a chip does:
// it never says the same count twice, however it is stopped.
type Chip struct {
	written campus.Chip

	mu      sync.Mutex
	journal *os.File
	count   int64
	last    string
}

// chipRead is a line of a chip's journal.
type chipRead struct {
	Count int64 `json:"count"`
}

// OpenChip takes a chip into use that the bureau has written, with the count that it was left with. dir is where
// chips are.
func OpenChip(dir string, written campus.Chip) (*Chip, error) {
	if !campus.IsChipSerial(written.Serial) {
		return nil, errors.New("open a chip: no serial number of one")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open a chip: %w", err)
	}
	c := &Chip{written: written}
	path := filepath.Join(dir, written.Serial+".jsonl")
	lines, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("open a chip: %w", err)
	}
	for line := range bytes.Lines(lines) {
		var read chipRead
		if json.Unmarshal(line, &read) == nil { // half a line was never said
			c.count = max(c.count, read.Count)
		}
	}
	if c.journal, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("open a chip: %w", err)
	}
	_, err = c.journal.WriteString("\n") // after half a line the next one begins anew
	return c, err
}

// Close ends the chip's work.
func (c *Chip) Close() error { return c.journal.Close() }

// Tap is what the chip says when it is read.
func (c *Chip) Tap(fault Fault) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fault.OldTap && c.last != "" {
		return c.last, nil
	}
	line, err := json.Marshal(chipRead{c.count + 1})
	if err != nil {
		return "", err
	}
	if _, err = c.journal.Write(append(line, '\n')); err == nil {
		err = c.journal.Sync()
	}
	if err != nil {
		return "", fmt.Errorf("count a tap: %w", err)
	}
	c.count++
	chip := c.written
	if fault.ForgedTap {
		chip.MACKey = bytes.Repeat([]byte{1}, len(chip.MACKey))
	}
	said, err := chip.Tap(rand.Reader, c.count)
	if err == nil && !fault.ForgedTap {
		c.last = said
	}
	return said, err
}
