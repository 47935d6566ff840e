package files

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"campuscard/campus"
)

// InspectPDFCommand is the command of this program that reads one PDF. The server starts it for each.
const InspectPDFCommand = "inspect-pdf"

// pdfReport is what a process that reads a PDF says, as lines of JSON: first that it is bounded and has begun, then the
// verdict.
type pdfReport struct {
	Begun   bool       `json:"begun,omitempty"`
	Verdict pdfVerdict `json:"verdict,omitempty"`
}

type pdfVerdict string

const (
	pdfReadable  pdfVerdict = "readable"
	pdfLocked    pdfVerdict = "locked"
	pdfDamaged   pdfVerdict = "damaged"
	pdfLaborious pdfVerdict = "laborious" // a stream unpacks to more than it may
)

// readPDFApart has a PDF read by a process of its own: no call of a library can be interrupted, and what it takes
// cannot be bounded, in a process that others need. It returns when that process has gone, and ends it with its
// context. Of what the process may say beside its report nothing is kept. Invalid: file_laborious, if reading the file
// has ended the process.
func (l *Looking) readPDFApart(ctx context.Context, policy campus.UploadPolicy, content []byte) (pdfVerdict, error) {
	bounds, err := json.Marshal(policy)
	if err != nil {
		return "", fmt.Errorf("tell the bounds of a PDF: %w", err)
	}
	var said bytes.Buffer
	command := []string{"/proc/self/exe"} // this build, whatever has been put in its place meanwhile
	if len(l.pdfReader) > 0 {
		command = l.pdfReader
	}
	command = slices.Concat(command, []string{InspectPDFCommand, string(bounds)})
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	process.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=none"} // nothing of ours: there are secrets in it
	process.Dir = "/"
	process.Stdin, process.Stdout = bytes.NewReader(content), &said
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return unix.Kill(-process.Process.Pid, unix.SIGKILL) }
	process.WaitDelay = time.Second // for pipes that something else holds open
	err = process.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var report pdfReport
	for lines := json.NewDecoder(&said); lines.Decode(&report) == nil; {
	}
	switch {
	case err == nil && report.Verdict != "":
		return report.Verdict, nil
	case err != nil && report.Begun && hasDied(process.ProcessState):
		l.log.WarnContext(ctx, "a PDF has ended the process that reads it", "status", process.ProcessState.String())
		return "", tooLaborious()
	}
	return "", fmt.Errorf("have a PDF read: %w", cmp.Or(err, errors.New("its process says nothing")))
}

// KeepFilesHere closes inherited files to the processes we start. Files that we open
// ourselves Go keeps here anyway.
func KeepFilesHere() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list what is open: %w", err)
	}
	const stderr = 2
	for _, file := range open {
		if number, err := strconv.Atoi(file.Name()); err == nil && number > stderr {
			unix.CloseOnExec(number)
		}
	}
	return nil
}

const (
	// Failed is the status of a program that could not do its work and says so.
	Failed  = 1
	tooLong = 2 // of one that has ended itself, as Go does for want of memory
)

// hasDied tells a process that was ended, by a signal or for want of memory, from one that has ended by itself.
func hasDied(state *os.ProcessState) bool { return state.ExitCode() != 0 && state.ExitCode() != Failed }

// InspectPDF is the other side of readPDFApart: it bounds this process, reads a PDF and says what it is. Bounds is an
// upload policy as JSON. It never returns if the PDF takes more than the bounds allow.
func InspectPDF(bounds string, in io.Reader, out io.Writer) error {
	var policy campus.UploadPolicy
	if err := json.Unmarshal([]byte(bounds), &policy); err != nil {
		return fmt.Errorf("read the bounds of a PDF: %w", err)
	}
	if err := boundProcess(policy); err != nil {
		return err
	}
	say := json.NewEncoder(out)
	if err := say.Encode(pdfReport{Begun: true}); err != nil {
		return fmt.Errorf("say that a PDF is being read: %w", err)
	}
	content, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("take in a PDF: %w", err)
	}
	if err := say.Encode(pdfReport{Verdict: verdictOfPDF(policy, content)}); err != nil {
		return fmt.Errorf("say what a PDF is: %w", err)
	}
	return nil
}

// boundProcess limits what this process may take from now on. Its own bounds of time hold when nobody is there any more
// to end it. Address space is not bounded, because Go reserves much of it and uses little.
func boundProcess(policy campus.UploadPolicy) error {
	taken, err := memoryTaken()
	if err != nil {
		return err
	}
	const spare = 2 // seconds
	time.AfterFunc(policy.LookTime.Std()+spare*time.Second, func() { os.Exit(tooLong) })
	for resource, most := range map[int]uint64{
		unix.RLIMIT_DATA: taken + uint64(policy.PDFMemory),
		unix.RLIMIT_CPU:  uint64(math.Ceil(policy.LookTime.Std().Seconds())) + spare,
		unix.RLIMIT_CORE: 0, // it would have the file in it
	} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			return fmt.Errorf("read limit %d of the process: %w", resource, err)
		}
		limit.Max = min(limit.Max, most)
		limit.Cur = limit.Max
		if err := unix.Setrlimit(resource, &limit); err != nil {
			return fmt.Errorf("set limit %d of the process: %w", resource, err)
		}
	}
	debug.SetMemoryLimit(policy.PDFMemory / 4 * 3) // garbage is collected before the bound is met
	debug.SetGCPercent(100)
	return nil
}

// memoryTaken returns how many bytes of this process count for RLIMIT_DATA by now.
func memoryTaken() (uint64, error) {
	const data = 5 // the field of data and stack, in pages: proc_pid_statm(5)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("read what the process has taken: %w", err)
	}
	fields := strings.Fields(string(statm))
	if len(fields) <= data {
		return 0, errors.New("/proc/self/statm is too short")
	}
	pages, err := strconv.ParseUint(fields[data], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read what the process has taken: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
