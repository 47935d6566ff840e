package till

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

func written(t *testing.T) (campus.ChipKeys, campus.Chip) {
	t.Helper()
	keys, err := campus.ParseChipKeys(map[string]string{"1": "a2V5IG9mIHRlc3QgY2hpcA=="})
	require.NoError(t, err)
	chip, err := keys.Chip("1", "04112233445566")
	require.NoError(t, err)
	return keys, chip
}

// A chip counts each read before it tells it, so none is told twice, not even by one that was stopped while it wrote.
func TestAChipCounts(t *testing.T) {
	t.Parallel()
	keys, chip := written(t)
	dir := t.TempDir()
	for round := range 3 {
		played, err := OpenChip(dir, chip)
		require.NoError(t, err)
		for n := range 2 {
			said, err := played.Tap(Fault{})
			require.NoError(t, err)
			tap, err := keys.ReadTap(said)
			require.NoError(t, err)
			require.Equal(t, campus.Tap{Chip: chip.Serial, Count: int64(2*round + n + 1)}, tap)
			again, err := played.Tap(Fault{OldTap: true})
			require.NoError(t, err)
			require.Equal(t, said, again)
		}
		require.NoError(t, played.Close())
		half, err := os.OpenFile(filepath.Join(dir, chip.Serial+".jsonl"), os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = half.WriteString(`{"count": 9`)
		require.NoError(t, err)
		require.NoError(t, half.Close())
	}
	played, err := OpenChip(dir, chip)
	require.NoError(t, err)
	said, err := played.Tap(Fault{ForgedTap: true})
	require.NoError(t, err)
	_, err = keys.ReadTap(said)
	require.Equal(t, "tap_forged", campus.ReasonOf(err))
	require.NoError(t, played.Close())
	_, err = OpenChip(dir, campus.Chip{Serial: "../../elsewhere"})
	require.Error(t, err)
}

// A cashier is given a plastic by its serial number: the server has its chip say something for each sale.
func TestAPlasticIsPutThere(t *testing.T) {
	t.Parallel()
	keys, chip := written(t)
	s, err := NewServer(Config{StateDir: t.TempDir()}, nil)
	require.NoError(t, err)
	put := func(body string) int {
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPut, "/chips", strings.NewReader(body)))
		return answer.Code
	}
	require.Equal(t, http.StatusBadRequest, put(`{"chip": "../x"}`))
	require.NoError(t, s.put(chip))
	require.NoError(t, s.put(chip), "again, as it was left")
	for _, count := range []int64{1, 2} {
		sale, err := s.tapped(Sale{AmountCents: 1, Plastic: chip.Serial})
		require.NoError(t, err)
		tap, err := keys.ReadTap(sale.Code)
		require.NoError(t, err)
		require.Equal(t, count, tap.Count)
	}
	_, err = s.tapped(Sale{Plastic: "04000000000000"})
	require.Error(t, err)
	sale, err := s.tapped(Sale{Code: "of a phone"})
	require.NoError(t, err)
	require.Equal(t, "of a phone", sale.Code)
	_, err = NewServer(Config{StateDir: s.cfg.StateDir}, nil)
	require.NoError(t, err, "the chips are no till")
}
