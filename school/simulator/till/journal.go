package till

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The steps of a sale in the journal, and of what is given back of one.
const (
	Begun     = "begun"     // before anything is sent
	Printed   = "printed"   // what the receipt says, once it is known
	Reversing = "reversing" // nothing was heard: the sale is taken back, for as long as it takes
	Reversed  = "reversed"  // the campus card has said so

	Giving = "giving" // a void or a refund, before anything is sent; of a void the amount is 0
	Given  = "given"  // what became of it, once it is known
)

// GivenBack is the outcome of a void or a refund that the campus card has carried out.
const GivenBack = "given_back"

// Line is a line of a till's journal.
type Line struct {
	Step        string    `json:"step"`
	Key         string    `json:"key"`
	AmountCents int64     `json:"amount_cents,omitempty"`
	TakenAt     time.Time `json:"taken_at,omitzero"`
	Outcome     string    `json:"outcome,omitempty"` // paid, given_back, or why not
	Transfer    uuid.UUID `json:"transfer,omitzero"`
	Payment     uuid.UUID `json:"payment,omitzero"` // of which something is given back
	At          time.Time `json:"at"`               // by the till's clock
}

// journal is a file that lines are added to. A line is on the disk before add returns.
type journal struct {
	mu    sync.Mutex
	file  *os.File
	lines []Line
}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a journal: %w", err)
	}
	j := &journal{file: file}
	if j.lines, err = readLines(file); err != nil {
		return nil, err
	}
	_, err = file.WriteString("\n") // after half a line the next one begins anew
	return j, err
}

func readLines(file io.Reader) (list []Line, err error) {
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var line Line
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // half a line: the till was killed while it wrote, before anything was sent
		}
		list = append(list, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read a journal: %w", err)
	}
	return list, nil
}

// ReadJournal returns what a till has written down in its folder, whether it runs or not.
func ReadJournal(dir string) ([]Line, error) {
	text, err := os.ReadFile(filepath.Join(dir, journalFile))
	if err != nil {
		return nil, fmt.Errorf("read a journal: %w", err)
	}
	return readLines(bytes.NewReader(text))
}

const journalFile = "journal.jsonl"

func (j *journal) add(line Line) error {
	line.At = time.Now()
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write a journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write a journal: %w", err)
	}
	j.lines = append(j.lines, line)
	return nil
}

func (j *journal) all() []Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Line(nil), j.lines...)
}

func (j *journal) close() error { return j.file.Close() }
