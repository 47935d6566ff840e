package stack

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// open is a stack in folders of the test's own, on ports nobody uses; what it starts is stopped with the test.
func open(t *testing.T, root string) (*Stack, *strings.Builder) {
	t.Helper()
	var said strings.Builder
	s, err := Open(t.Context(), Options{Name: t.Name(), PortBase: freeBase(t), DataDir: t.TempDir(), Root: root,
		Log: &said})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Down(context.WithoutCancel(t.Context()))) })
	return s, &said
}

func freeBase(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 20000 + rand.IntN(10000)
		all := make([]int, portCount)
		for i := range all {
			all[i] = base + i
		}
		if checkFree(t.Context(), all) == nil {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestPortsAreDistinctAndWithinTheirRange(t *testing.T) {
	s, _ := open(t, t.TempDir())
	var all []int
	for _, svc := range s.services() {
		all = append(all, svc.ports...)
	}
	slices.Sort(all)
	require.Equal(t, all, slices.Compact(slices.Clone(all)), "two parts share a port")
	require.Len(t, all, portCount)
	require.Equal(t, s.opts.PortBase, all[0])
	require.Equal(t, s.opts.PortBase+portCount-1, all[len(all)-1])
}

func TestPortBase(t *testing.T) {
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"the usual one":               {"7200", true},
		"room for the last port":      {"32749", true},
		"no room for the last port":   {"32750", false},
		"a port that only root opens": {"80", false},
		"not a number":                {"high", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parsePortBase(tt.text)
			require.Equal(t, tt.ok, err == nil, "%v", err)
		})
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	s, _ := open(t, t.TempDir())
	stop := listen(t, s.ports.API)
	require.ErrorContains(t, checkFree(t.Context(), []int{s.ports.Worker, s.ports.API}), "PORT_BASE")
	stop()
	require.NoError(t, checkFree(t.Context(), []int{s.ports.API}))
}

func TestTwoStacksShareNothing(t *testing.T) {
	one, _ := open(t, t.TempDir())
	two, _ := open(t, t.TempDir())
	same := map[string]bool{"TEMPORAL_NAMESPACE": true, "S3_BUCKET": true, "LOG_LEVEL": true, "DRAIN_DELAY": true,
		markerEnv: true}
	for name, value := range one.Env() {
		if !same[name] {
			require.NotEqual(t, value, two.Env()[name], name)
		}
	}
}

func TestEnvironmentOfAStackIsNoOverride(t *testing.T) {
	env := map[string]string{"DATABASE_URL": "postgres://elsewhere/x", "DATABASE_OWNER_URL": "postgres://owner@there/x"}
	get := func(name string) string { return env[name] }

	e, err := externalFromEnv(get)
	require.NoError(t, err)
	require.Equal(t, env["DATABASE_URL"], e.DatabaseURL)
	require.Equal(t, env["DATABASE_OWNER_URL"], e.DatabaseOwnerURL)

	env[markerEnv] = "dev" // as in a shell that has evaluated `make env`
	e, err = externalFromEnv(get)
	require.NoError(t, err)
	require.Empty(t, e)
}

func TestDatabaseNeedsItsOwner(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "DATABASE_OWNER_URL"} {
		_, err := externalFromEnv(func(asked string) string { return map[string]string{name: "postgres://x"}[asked] })
		require.ErrorContains(t, err, "set both", name)
	}
}

func TestOnlyMigrateIsToldTheOwner(t *testing.T) {
	s, _ := open(t, t.TempDir())
	require.NoError(t, os.MkdirAll(filepath.Dir(s.binary()), 0o700))
	require.NoError(t, os.WriteFile(s.binary(), nil, 0o700))
	programs := map[string]bool{"migrate": true, "seed": false, "api": false, "worker": false, "simulator": false}
	for program, told := range programs {
		env, err := s.campuscardEnv(program)
		require.NoError(t, err)
		require.Equal(t, told, env[ownerEnv] != "", program)
		require.NotContains(t, env["DATABASE_URL"], "owner", program)
	}
}

func TestRestartsOfTheAPIAreNotWaitedFor(t *testing.T) {
	s, _ := open(t, t.TempDir())
	delay, err := time.ParseDuration(s.Env()["DRAIN_DELAY"])
	require.NoError(t, err)
	require.Less(t, delay, time.Second)
}

func TestS3EndpointNeedsItsKeys(t *testing.T) {
	_, err := externalFromEnv(func(name string) string { return map[string]string{"S3_ENDPOINT": "http://x"}[name] })
	require.ErrorContains(t, err, "S3_ACCESS_KEY")
}

func TestExportsSurviveTheShell(t *testing.T) {
	s, _ := open(t, t.TempDir())
	s.secrets["PEPPER"] = `it's "$HOME" \ and more`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", s.Exports()+`printf %s "$PEPPER"`).Output()
	require.NoError(t, err)
	require.Equal(t, s.secrets["PEPPER"], string(out))
}

func TestEveryNeedIsInTheGraph(t *testing.T) {
	s, _ := open(t, t.TempDir())
	nodes := wanted(s.graph(func(Part) {}), All())
	var names []Part
	for _, n := range nodes {
		names = append(names, n.part)
	}
	require.ElementsMatch(t, append(All(), build, migrate, seed), names)
	for _, n := range nodes {
		require.Subset(t, names, n.needs)
	}
	require.Len(t, wanted(s.graph(func(Part) {}), Infra()), 3, "infra needs nothing of ours")
}

func TestWalkKeepsTheOrderOfNeedsAndStopsAtAnError(t *testing.T) {
	s, _ := open(t, t.TempDir())
	var done []Part
	step := func(part Part, err error, needs ...Part) node {
		return node{part, needs, func(context.Context) error {
			done = append(done, part) // in a line of needs no two run at the same time
			return err
		}}
	}
	broken := errors.New("broken")
	err := s.walk(t.Context(), []node{
		step("third", broken, "second"), step("first", nil), step("fourth", nil, "third"), step("second", nil, "first"),
	})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "third")
	require.Equal(t, []Part{"first", "second", "third"}, done)
}

func TestParseParts(t *testing.T) {
	parts, err := ParseParts([]string{"infra", "api"})
	require.NoError(t, err)
	require.Equal(t, append(Infra(), API), parts)
	_, err = ParseParts([]string{"mongo"})
	require.ErrorContains(t, err, `"mongo"`)
}

func TestLockExcludesAndWaitsNoLongerThanItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path, func() {})
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = lockFile(ctx, path, func() {})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	unlock()
	unlock, err = lockFile(t.Context(), path, func() {})
	require.NoError(t, err)
	unlock()
}

func TestClearLeavesWhatIsUsed(t *testing.T) {
	dir := t.TempDir()
	one, _ := open(t, t.TempDir())
	one.opts.DataDir = dir
	other, _ := open(t, t.TempDir())
	other.opts.DataDir = dir
	left := filepath.Join(dir, "temporal", "temporal.db")
	require.NoError(t, os.MkdirAll(filepath.Dir(left), 0o700))
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	secret := filepath.Join(dir, "secrets.env")
	require.NoError(t, os.WriteFile(secret, nil, 0o600))

	require.NoError(t, other.use())
	require.NoError(t, one.Clear(t.Context()))
	require.FileExists(t, left, "another process uses it")

	require.NoError(t, other.users.Close())
	require.NoError(t, one.Clear(t.Context()))
	require.NoFileExists(t, left)
	require.FileExists(t, secret)
	other.users = nil
	require.NoError(t, other.use(), "who comes later may use it too")
}

func TestSecretsAreMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	first, err := loadSecrets(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	again, err := loadSecrets(path)
	require.NoError(t, err)
	require.Equal(t, first, again)
	for name, value := range first {
		require.NotEmpty(t, value, name)
	}
}

func TestNewSecretJoinsOldOnes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	require.NoError(t, secrets{"PEPPER": "old=", "LATER": "kept"}.write(path))
	s, err := loadSecrets(path)
	require.NoError(t, err)
	require.Equal(t, "old=", s["PEPPER"])
	require.Equal(t, "kept", s["LATER"])
	require.NotEmpty(t, s["DATA_KEY"])
	content, err := os.ReadFile(filepath.Join("..", "seed", "seed.yaml"))
	require.NoError(t, err)
	var seeded struct {
		Universities []struct{ Code string }
	}
	require.NoError(t, yaml.Unmarshal(content, &seeded))
	var form []string
	for _, university := range seeded.Universities {
		form = append(form, university.Code+"=whsec_[^;]{44}")
	}
	require.Regexp(t, "^"+strings.Join(form, ";")+"$", s["HR_CALLBACK_SECRETS"])
	wallet := "wallet/" + strings.Join(form, ";wallet/")
	require.Regexp(t, "^"+wallet+";bank/"+strings.Join(form, ";bank/")+"$", s["CHANNEL_SECRETS"])
	first, _, _ := strings.Cut(s["CHANNEL_SECRETS"], ";bank/")
	require.Regexp(t, "^"+regexp.QuoteMeta(first)+";bank/.*;bank/", withChannels(first), "a channel that came later has its secrets, too")
	require.Regexp(t, "^1=[^;]{24}$", s["CHIP_KEYS"])
}

func TestBrokenSecretsAreNotQuoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	require.NoError(t, os.WriteFile(path, []byte("hunter2\n"), 0o600))
	_, err := loadSecrets(path)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

// A restart of what has died is a matter of seconds only when a program that is current is not linked again.
func TestOnlyWhatHasChangedIsBuilt(t *testing.T) {
	root := t.TempDir()
	write := func(file, content string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(root, file), []byte(content), 0o600))
	}
	write("go.mod", "module campuscard\n")
	s, _ := open(t, root)
	build := func(says string) os.FileInfo {
		t.Helper()
		write("main.go", "package main\n\nfunc main() { println(\""+says+"\") }\n")
		require.NoError(t, s.build(t.Context()))
		info, err := os.Stat(s.binary())
		require.NoError(t, err)
		return info
	}
	first, again := build("one"), build("one")
	require.True(t, os.SameFile(first, again), "it is current")
	running, err := os.ReadFile(s.binary())
	require.NoError(t, err)
	beside := s.binary() + ".running"
	require.NoError(t, os.Link(s.binary(), beside))
	require.False(t, os.SameFile(first, build("two")))
	kept, err := os.ReadFile(beside)
	require.NoError(t, err)
	require.Equal(t, running, kept, "a process that runs keeps its program")
}
