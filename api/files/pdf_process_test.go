package files

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// pdfPolicy bounds reading generously. Its MaxPixels, which mean nothing to a PDF, name the processes of one test.
func pdfPolicy(mark int64) campus.UploadPolicy {
	policy := lookPolicy
	policy.MaxBytes, policy.MaxStreams, policy.StreamBytes = 10<<20, 2000, 1<<30
	policy.PDFMemory, policy.MaxPixels = 64<<30, mark
	return policy
}

// readersOfPDF are the processes of ours that read a PDF under a mark, by their ids.
func readersOfPDF(t *testing.T, mark int64) (ids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), fmt.Sprintf(`"MaxPixels":%d,`, mark)) {
			continue // gone already, or another program
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
		if err != nil || !strings.Contains(string(stat), fmt.Sprintf(" %d ", os.Getpid())) {
			continue // gone, or of another run of the tests
		}
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		require.NoError(t, err)
		ids = append(ids, id)
	}
	return ids
}

// endlessPDFs keep the library busy for minutes, by their names.
func endlessPDFs() map[string][]byte {
	return map[string][]byte{
		"objects without an end":   []byte("%PDF-1.4\n" + strings.Repeat("1 0 obj\n", 1_200_000) + "%%EOF"),
		"one object over and over": []byte("%PDF-1.4\n" + strings.Repeat("1 0 obj<<>>endobj\n", 500_000) + "%%EOF"),
	}
}

func certificate(content []byte) file {
	return file{Purpose: campus.CertificateUpload, name: "a.pdf", Content: content}
}

func inspectorOfPDFs(t *testing.T) *Looking {
	t.Helper()
	require.NoError(t, KeepFilesHere())
	return NewLooking(nil, slog.New(slog.DiscardHandler))
}

// sender is somebody whom no other test knows.
func sender() campus.Actor { return campus.Student(uuid.New()) }

func TestAPDFThatIsReadForMinutesEndsWithItsTime(t *testing.T) {
	t.Parallel()
	mark := int64(8401)
	for name, content := range endlessPDFs() {
		mark++
		l, policy := inspectorOfPDFs(t), pdfPolicy(mark)
		policy.LookTime = campus.Duration(2 * time.Second)
		began := time.Now()
		err := l.inspectPDF(t.Context(), sender(), policy, certificate(content))
		require.Equal(t, "file_laborious", campus.ReasonOf(err), name)
		require.Less(t, time.Since(began), policy.LookTime.Std()+5*time.Second, name)
		require.Empty(t, readersOfPDF(t, mark), name)
		requireNoOneLooked(t, l)
	}
}

// While one PDF is read, others are served. Its process has nothing of ours, is bounded, and goes with its sender.
func TestAPDFIsReadInAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	const mark = 8411
	l, policy := inspectorOfPDFs(t), pdfPolicy(mark)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	done := make(chan error, 1)
	go func() {
		done <- l.inspectPDF(ctx, sender(), policy, certificate(endlessPDFs()["objects without an end"]))
	}()
	var id int
	require.Eventually(t, func() bool {
		var limit unix.Rlimit
		for _, id = range readersOfPDF(t, mark) {
			if unix.Prlimit(id, unix.RLIMIT_CPU, nil, &limit) == nil && limit.Max == 62 {
				return true
			}
		}
		return false
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, l.inspectPDF(t.Context(), sender(), pdfPolicy(mark+1), certificate(storagetest.PDF(t))))
	requireBare(t, id)
	require.Empty(t, done)

	leave()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Empty(t, readersOfPDF(t, mark))
	requireNoOneLooked(t, l)
}

// requireBare: a process has no secret, no file of ours and a bound on what it takes.
func requireBare(t *testing.T, id int) {
	t.Helper()
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", id))
	require.NoError(t, err)
	require.Equal(t, "GOMAXPROCS=1\x00GOTRACEBACK=none\x00", string(environment))
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", id))
	require.NoError(t, err)
	for _, path := range open {
		what, err := os.Readlink(path)
		require.NoError(t, err)
		switch filepath.Base(path) {
		case "0", "1":
			require.Contains(t, what, "pipe:")
		case "2":
			require.Equal(t, "/dev/null", what)
		default:
			require.Regexp(t, "^(anon_inode:|/sys/fs/cgroup/)", what, "Go itself waits and counts processors")
		}
	}
	group, err := unix.Getpgid(id)
	require.NoError(t, err)
	require.Equal(t, id, group)
	var core, data unix.Rlimit
	require.NoError(t, unix.Prlimit(id, unix.RLIMIT_CORE, nil, &core))
	require.NoError(t, unix.Prlimit(id, unix.RLIMIT_DATA, nil, &data))
	require.Zero(t, core.Max)
	require.GreaterOrEqual(t, data.Max, uint64(64<<30))
	require.Less(t, data.Max, uint64(unix.RLIM_INFINITY))
}

// A process that takes more than it may is gone, and the file is one that takes too much. The same file is fine where
// it may take so much.
func TestAPDFThatTakesTooMuchMemoryIsRefused(t *testing.T) {
	t.Parallel()
	content := storagetest.PackedPDF(t, 2, 40<<20, true)
	var log bytes.Buffer
	l := inspectorOfPDFs(t)
	l.log = slog.New(slog.NewTextHandler(&log, nil))
	policy := pdfPolicy(8421)
	require.NoError(t, l.inspectPDF(t.Context(), sender(), policy, certificate(content)))
	require.Empty(t, log.String())
	policy.PDFMemory = 40 << 20
	require.Equal(t, "file_laborious", campus.ReasonOf(l.inspectPDF(t.Context(), sender(), policy, certificate(content))))
	require.Contains(t, log.String(), "status=\"exit status ")
	require.Empty(t, readersOfPDF(t, 8421))
	require.NoError(t, l.inspectPDF(t.Context(), sender(), policy, certificate(storagetest.PDF(t))))
	requireNoOneLooked(t, l)
}

// What goes wrong before a file is read says nothing about the file.
func TestOwnFaultsAreNoVerdictOnAPDF(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ does, reason string }{
		"dies before it begins":     {`kill -9 $$`, ""},
		"fails before it begins":    {`exit 1`, ""},
		"does not know the command": {`exit 80`, ""},
		"says nothing":              {`exit 0`, ""},
		"says something else":       {`echo hello`, ""},
		"begins, and cannot read":   {`echo '{"begun":true}'; exit 1`, ""},
		"begins, and is ended":      {`echo '{"begun":true}'; kill -9 $$`, "file_laborious"},
		"begins, and has no memory": {`echo '{"begun":true}'; exit 2`, "file_laborious"},
		"finds it damaged":          {`echo '{"verdict":"damaged"}'`, "file_damaged"},
	} {
		l := inspectorOfPDFs(t)
		l.pdfReader = []string{"/bin/sh", "-c", test.does}
		err := l.inspectPDF(t.Context(), sender(), pdfPolicy(8431), certificate(storagetest.PDF(t)))
		require.Error(t, err, name)
		require.Equal(t, test.reason, campus.ReasonOf(err), name)
		requireNoOneLooked(t, l)
	}
	l := inspectorOfPDFs(t)
	l.pdfReader = []string{"/nowhere"}
	err := l.inspectPDF(t.Context(), sender(), pdfPolicy(8431), certificate(storagetest.PDF(t)))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, campus.ReasonOf(err))
}

// Where the server has died, nobody is there to end a process.
func TestAProcessThatReadsAPDFEndsByItself(t *testing.T) {
	t.Parallel()
	policy := pdfPolicy(8441)
	policy.LookTime = campus.Duration(time.Millisecond)
	bounds, err := json.Marshal(policy)
	require.NoError(t, err)
	process := exec.CommandContext(t.Context(), "/proc/self/exe", InspectPDFCommand, string(bounds))
	process.Stdin = bytes.NewReader(endlessPDFs()["objects without an end"])
	began := time.Now()
	said, err := process.Output()
	require.Error(t, err)
	require.JSONEq(t, `{"begun": true}`, string(said))
	require.True(t, hasDied(process.ProcessState))
	require.Less(t, time.Since(began), time.Minute)
}
