package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	logLimit  = 16 << 20 // a log past this is put aside at the next start, as .1
	tailLines = 20
)

// openLog appends, so that what the last run died of is still there, and tells where the new lines begin.
func openLog(path string) (file *os.File, offset int64, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("put the old log aside: %w", err)
		}
	}
	file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open log: %w", err), file.Close())
	}
	return file, info.Size(), nil
}

// tail returns the last lines of a log after the offset, indented, for an error message.
func tail(path string, offset int64) string {
	file, err := os.Open(path)
	if err != nil {
		return "    (no log: " + err.Error() + ")"
	}
	defer file.Close() //nolint:errcheck // only read
	if info, err := file.Stat(); err == nil {
		offset = max(offset, info.Size()-64<<10)
	}
	content, err := io.ReadAll(io.NewSectionReader(file, offset, 64<<10))
	if err != nil {
		return "    (no log: " + err.Error() + ")"
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	lines = lines[max(0, len(lines)-tailLines):]
	return "    " + string(bytes.Join(lines, []byte("\n    ")))
}

// logError is a failure of a part, told with the end of its log.
type logError struct {
	err    error
	log    string
	offset int64
}

func (e *logError) Error() string {
	return fmt.Sprintf("%v\n  the end of %s:\n%s", e.err, e.log, tail(e.log, e.offset))
}

func (e *logError) Unwrap() error { return e.err }
