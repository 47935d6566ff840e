package school_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/simulator"
)

func TestServicesAreSubscribedToAndLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, h := t.Context(), b.somebody("plain").holder()
	for _, service := range simulator.DefaultServices() {
		for range 2 {
			grant, err := b.Services.Subscribe(ctx, service, lcu, service+"-1", h)
			require.NoError(t, err)
			require.Equal(t, service+"-"+h.CardID, grant.Reference)
		}
		require.NoError(t, b.Services.Unsubscribe(ctx, service, lcu, service+"-2", h.CardID))
		require.NoError(t, b.Services.Unsubscribe(ctx, service, lcu, service+"-3", h.CardID), "there is nothing left to end")
		for operation, want := range map[string]int{"subscribe": 1, "unsubscribe": 1} {
			var done struct{ Count int }
			b.admin(http.MethodGet, "/admin/effects?system="+service+"&operation="+operation, nil, &done)
			require.Equal(t, want, done.Count, "%s %s", service, operation)
		}
	}
}

func TestServicesFailEachOnItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, h := t.Context(), b.somebody("plain").holder()
	b.fault("laundry", fields{"mode": "outage"})
	_, err := b.Services.Subscribe(ctx, "laundry", lcu, "key-1", h)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	_, err = b.Services.Subscribe(ctx, "gym", lcu, "key-1", h)
	require.NoError(t, err)
	err = b.Services.Unsubscribe(ctx, "laundry", lcu, "key-2", h.CardID)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	b.fault("laundry", fields{"mode": "none"})
	_, err = b.Services.Subscribe(ctx, "laundry", lcu, "key-1", h)
	require.NoError(t, err)
	require.Equal(t, 2, b.effects("key-1"), "a key is a system's own")

	_, err = b.Services.Subscribe(ctx, "laundry", "elsewhere", "key-3", h)
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	_, err = b.Services.Subscribe(ctx, "karaoke", lcu, "key-3", h)
	require.Equal(t, campus.BadAnswer, campus.CodeOf(err), "nobody there calls itself so")
	for _, name := range []string{"", "Laundry", "../admin", "1st", "a/b", "a b", "洗衣"} {
		_, err = b.Services.Subscribe(ctx, name, lcu, "key-3", h)
		require.Equal(t, campus.Invalid, campus.CodeOf(err), name)
		require.Equal(t, campus.Invalid, campus.CodeOf(b.Services.Unsubscribe(ctx, name, lcu, "key-3", h.CardID)), name)
	}
}
