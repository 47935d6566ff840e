package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/storage/storagetest"
)

// A Postgres that answers and takes no writes: what only reads works, what writes says so, and so does /readyz, which
// stays 200. When writes are taken again, everything goes on by itself.
func TestWritesRefused(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]struct{ begin, end string }{
		"a server that was made read-only": {`do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`,
			`begin read write; do $$ begin execute format('alter database %I reset default_transaction_read_only', current_database()); end $$; commit`},
		"a full disk": {`create function full_disk() returns trigger language plpgsql as
				$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
			create trigger full_disk before insert on write_probes for each row execute function full_disk();
			create trigger full_disk before insert on challenges for each row execute function full_disk()`,
			`drop function full_disk cascade`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newAPITest(t)
			h.ExecAsOwner(outage.begin)
			d := h.Detour(t) // with connections made since
			server, err := api.New(config(h.Env), d.Store, nowhere(t), h.Log)
			require.NoError(t, err)
			h.serve(t, server)
			readyz := call{method: "GET", path: "/readyz"}
			got := h.do(t, readyz)
			require.Equal(t, 200, got.status)
			require.JSONEq(t, `{"status":"degraded","database":"up","temporal":"down","files":"up","receipts":"down","writes":"refused"}`, string(got.body))
			require.Equal(t, 200, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me"}).status)
			challenge := call{who: "student", method: "POST", path: "/api/v1/me/liveness-challenges"}
			refused := h.do(t, challenge)
			require.Equal(t, 503, refused.status, "%s", refused.body)
			require.Equal(t, "writes_refused", read[problem](t, refused).Reason)

			h.ExecAsOwner(outage.end)
			h.Exec(`select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and application_name = 'campuscard' and pid <> pg_backend_pid()`)
			require.Eventually(t, func() bool {
				return h.do(t, challenge).status == 201 && read[map[string]string](t, h.do(t, readyz))["writes"] == ""
			}, 30*time.Second, 20*time.Millisecond)
			require.Zero(t, storagetest.One[int](h.Env, `select count(*) from write_probes`), "a probe leaves nothing")
		})
	}
}
