package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// Files of every kind are read inside of the places, the time and the share of their sender.
func TestFilesOfEveryKindAreBounded(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]file{
		"a picture": {Purpose: campus.CertificateUpload, Content: storagetest.JPEG(64, 48)},
		"a PDF":     {Purpose: campus.CertificateUpload, Content: storagetest.PDF(t)},
	} {
		clock, nobody := &handClock{at: time.Now()}, campus.Actor{} // outside of a request
		l := lookingBy(clock)
		policy := lookPolicy
		policy.MaxBytes, policy.MaxPixels, policy.MaxScans, policy.MaxStreams = 1<<20, 1<<20, 50, 100
		policy.MaxCoefficients, policy.StreamBytes = 1<<20, 1<<20
		inspect := func(ctx context.Context) string {
			_, err := l.Inspect(ctx, nobody, policy, sent)
			return campus.ReasonOf(err)
		}
		require.Empty(t, inspect(t.Context()), name)

		one, other := hold(t, l, campus.Student(uuid.New())), hold(t, l, campus.Student(uuid.New()))
		waited, leave := context.WithTimeout(t.Context(), time.Millisecond)
		require.Equal(t, "uploads_busy", inspect(waited), "%s waits for a place", name)
		leave()
		one()
		other()

		policy.LookTime = 1 // over before it begins
		require.Equal(t, "file_laborious", inspect(t.Context()), "%s ends with its time", name)
		policy.LookTime = lookPolicy.LookTime
		require.NoError(t, l.while(t.Context(), nobody, policy, func(context.Context) error {
			clock.goes(policy.LookShare.Std())
			return nil
		}))
		require.Equal(t, "uploads_share", inspect(t.Context()), "%s has its sender's share", name)
	}
}

// A decoder comes back for more often enough to notice that nobody waits any more.
func TestDecodingHeedsItsContext(t *testing.T) {
	t.Parallel()
	l := NewLooking(nil, slog.New(slog.DiscardHandler))
	content := storagetest.LaboriousJPEG(4000, 4000, 10_000)
	began := time.Now()
	policy := lookPolicy
	policy.LookTime = campus.Duration(50 * time.Millisecond)
	err := l.decode(t.Context(), sender(), policy, Formats()[0], content)
	require.Equal(t, "file_laborious", campus.ReasonOf(err), "it would take minutes")
	require.Less(t, time.Since(began), 5*time.Second)
	gone, leave := context.WithCancel(t.Context())
	leave()
	policy.LookTime = campus.Duration(time.Hour)
	require.ErrorIs(t, l.decode(gone, sender(), policy, Formats()[0], content), context.Canceled)
	requireNoOneLooked(t, l)
}

// Two pictures of the largest size are the most that is held: what one took is free before another is decoded.
// Alone, because others collect, too.
func TestALargePictureIsForgottenAtOnce(t *testing.T) {
	forced := func() uint32 {
		var seen runtime.MemStats
		runtime.ReadMemStats(&seen)
		return seen.NumForcedGC
	}
	l, policy := NewLooking(nil, slog.New(slog.DiscardHandler)), lookPolicy
	policy.MaxPixels, policy.MaxScans, policy.MaxCoefficients = 4*64*64, 50, 1<<20
	for _, of := range []struct{ side, freed int }{{64, 0}, {72, 1}} {
		before := forced()
		_, err := l.Inspect(t.Context(), sender(), policy, file{Purpose: campus.DocumentUpload, name: "a.jpg",
			Content: storagetest.LaboriousJPEG(of.side, of.side, 1)})
		require.NoError(t, err)
		require.EqualValues(t, of.freed, forced()-before, "%d pixels a side", of.side)
	}
}

// A PNG of 16 bits a colour takes 8 bytes for each pixel, and one in passes half of that again.
func TestDeepPicturesInPassesAreHalfAsLarge(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, image.NewNRGBA64(image.Rect(0, 0, 32, 16))))
	for name, of := range map[string]struct {
		depth, passes byte
		pixels        int64
		reason        string
	}{
		"deep":                        {16, 0, 32 * 16, ""},
		"in passes":                   {8, 1, 32 * 16, "file_damaged"}, // its pixels are not
		"deep and in passes":          {16, 1, 2*32*16 - 1, "file_laborious"},
		"deep and in passes, smaller": {16, 1, 2 * 32 * 16, "file_damaged"},
	} {
		content := slices.Clone(out.Bytes())
		content[24], content[28] = of.depth, of.passes
		binary.BigEndian.PutUint32(content[29:], crc32.ChecksumIEEE(content[12:29]))
		policy := lookPolicy
		policy.MaxPixels, policy.MaxChunks = of.pixels, 10
		_, err := NewLooking(nil, slog.New(slog.DiscardHandler)).Inspect(t.Context(), sender(), policy,
			file{Purpose: campus.DocumentUpload, name: "a.png", Content: content})
		require.Equal(t, of.reason, campus.ReasonOf(err), name)
	}
}

func TestScansAreCounted(t *testing.T) {
	t.Parallel()
	const head, scan = "\xff\xd8", "\xff\xda\x00\x03\x00ab\xff\x00c"
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none": {head + "\xff\xd9", 0},
		"one":  {head + scan + "\xff\xd9", 1},
		"three, with restarts in between": {head + scan + "\xff\xd0ab\xff\xd7" + scan + "\xff\xff" + scan + "\xff\xd9",
			3},
		"not those of a thumbnail":            {head + "\xff\xe1\x00\x0c" + scan + scan + "\xff\xd9", 1},
		"not those behind the end":            {head + scan + "\xff\xd9" + scan + scan, 1},
		"a segment that says it has no bytes": {head + "\xff\xe1\x00\x00" + scan + "\xff\xd9", 1},
		"cut off":                             {head + scan + "\xff\xda", 1},
	} {
		require.Equal(t, c.want, jpegWork([]byte(c.content)).scans, name)
	}
}

func TestChunksAreCounted(t *testing.T) {
	t.Parallel()
	const head = "\x89PNG\r\n\x1a\n\x00\x00\x00\x01IHDR.sum."
	const text, pixels, end = "\x00\x00\x00\x03tEXta\x00bsum.", "\x00\x00\x00\x02IDATxxsum.", "\x00\x00\x00\x00IENDsum."
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none":                  {"\x89PNG\r\n\x1a\n", 0},
		"the head":              {head + end, 1},
		"not those of pixels":   {head + pixels + pixels + end, 1},
		"texts on both sides":   {head + text + text + pixels + text + end, 4},
		"not behind the end":    {head + end + text, 1},
		"one that is cut off":   {head + text[:9], 2},
		"one beyond the end":    {head + "\xff\xff\xff\xfftEXt" + text, 2},
		"a head that is broken": {head + text[:7], 1},
	} {
		require.Equal(t, c.want, pngWork([]byte(c.content)).chunks, name)
	}
}

// What a progressive picture holds until its end is known from its header: whole blocks, as its components are sampled.
func TestCoefficientsAreCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head []byte
		want int64
	}{
		"grey":                             {storagetest.JPEGHead(0xc2, 17, 9, 0x11), 3 * 2 * 64},
		"grey, whatever its sampling says": {storagetest.JPEGHead(0xc2, 17, 9, 0x22), 3 * 2 * 64},
		"colours in full (4:4:4)":          {storagetest.JPEGHead(0xc2, 17, 9, 0x11, 0x11, 0x11), 3 * 3 * 2 * 64},
		"colours of a quarter (4:2:0)":     {storagetest.JPEGHead(0xc2, 17, 9, 0x22, 0x11, 0x11), 2 * 1 * 6 * 64},
		"with black":                       {storagetest.JPEGHead(0xc2, 17, 9, 0x22, 0x11, 0x11, 0x22), 2 * 1 * 10 * 64},
		"not progressive, so none is held": {storagetest.JPEGHead(0xc0, 17, 9, 0x11, 0x11, 0x11), 0},
		"behind what is passed over": {spoilt(storagetest.JPEGHead(0xc2, 8, 8, 0x11),
			"x\xff\x00\xff\xd0\xff\xfe\x00\x02\xff"), 64},
		"one in a comment is no frame": {spoilt(storagetest.JPEGHead(0xc0, 8, 8, 0x11),
			"\xff\xfe\x00\x0f\xff\xc2\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"), 0},
		"a header that is too short has none": {[]byte("\xff\xd8\xff\xc2\x00\x04\x08\x00\xff\xd9"), 0},
	} {
		require.Equal(t, c.want, jpegWork(c.head).coefficients, name)
	}
}

// spoilt is a picture with something between its beginning and its first segment.
func spoilt(head []byte, with string) []byte {
	return append(append([]byte("\xff\xd8"), with...), head[2:]...)
}
