package campus_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

func TestPackagesOfThePolicy(t *testing.T) {
	t.Parallel()
	demo, err := os.ReadFile("../deploy/policy.demo.yaml")
	require.NoError(t, err)
	gym := `packages: {gym: {system: gym, name: {zh: 健身, en: Gym}, about: {zh: 进入健身房, en: Enter the gym}}}`
	defaults := []string{"dormitory_power", "laboratory", "laundry"}
	more := []string{"dormitory_power", "gym", "laboratory", "laundry"}
	for name, test := range map[string]struct {
		over       string
		lcu, lcvtc []string
		systems    []string
	}{
		"the default": {"universities: {}", defaults, defaults,
			[]string{"dormitory-power", "laboratory", "laundry"}},
		"one more for everybody": {gym, more, more, []string{"dormitory-power", "gym", "laboratory", "laundry"}},
		"one more at one university": {"universities: {lcvtc: {" + gym + "}}", defaults, more,
			[]string{"dormitory-power", "gym", "laboratory", "laundry"}},
		"the development stack's own": {string(demo), defaults, more,
			[]string{"dormitory-power", "gym", "laboratory", "laundry"}},
		"another system at one of them": {"universities: {lcvtc: {packages: {laundry: {system: wash}}}}", defaults, defaults,
			[]string{"dormitory-power", "laboratory", "laundry", "wash"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policies, err := campus.LoadPolicies(deploy.Policy, []byte(test.over))
			require.NoError(t, err)
			require.Equal(t, test.lcu, policies.For("lcu").Packages.Codes())
			require.Equal(t, test.lcvtc, policies.For("lcvtc").Packages.Codes())
			require.Equal(t, test.systems, policies.ServiceSystems())
		})
	}

	t.Run("what a university says of a package is laid over what all say", func(t *testing.T) {
		t.Parallel()
		policies, err := campus.LoadPolicies(deploy.Policy, []byte("packages: {laundry: {for: [undergraduate, staff]}}"),
			[]byte("universities: {lcu: {packages: {laundry: {retired: true, for: [exchange]}}}}"))
		require.NoError(t, err)
		lcu, others := policies.For("lcu").Packages["laundry"], policies.For("lcvtc").Packages["laundry"]
		require.Equal(t, "Laundry", lcu.Name.In(campus.English))
		require.Equal(t, "洗衣服务", lcu.Name.In(campus.Chinese))
		require.Equal(t, []string{"exchange"}, lcu.For)
		require.True(t, lcu.Retired)
		require.Equal(t, []string{"undergraduate", "staff"}, others.For)
		require.False(t, others.Retired)
	})

	for name, bad := range map[string]string{
		"a code that is none":            "packages: {Gym-1: {system: gym, name: {zh: 健, en: G}, about: {zh: 健, en: G}}}",
		"no system":                      "packages: {gym: {name: {zh: 健, en: G}, about: {zh: 健, en: G}}}",
		"a system that is an address":    "packages: {gym: {system: ../admin, name: {zh: 健, en: G}, about: {zh: 健, en: G}}}",
		"a name in one language":         "packages: {gym: {system: gym, name: {en: G}, about: {zh: 健, en: G}}}",
		"no word of what it is":          "packages: {gym: {system: gym, name: {zh: 健, en: G}}}",
		"two packages of one system":     "packages: {wash: {system: laundry, name: {zh: 洗, en: W}, about: {zh: 洗, en: W}}}",
		"an unknown field":               "packages: {laundry: {price: 3}}",
		"an unknown field at one of all": "universities: {lcu: {packages: {laundry: {price: 3}}}}",
		"something that is no package":   "packages: [laundry]",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := campus.LoadPolicies(deploy.Policy, []byte(bad))
			require.Error(t, err)
		})
	}
}

func TestWhomAPackageIsFor(t *testing.T) {
	t.Parallel()
	student := []string{"undergraduate", "registered"}
	for name, test := range map[string]struct {
		policy    campus.PackagePolicy
		dormitory string
		want      string
	}{
		"for everybody":                {campus.PackagePolicy{}, "", ""},
		"for their level":              {campus.PackagePolicy{For: []string{"staff", "undergraduate"}}, "", ""},
		"for their status":             {campus.PackagePolicy{For: []string{"registered"}}, "", ""},
		"for another level":            {campus.PackagePolicy{For: []string{"postgraduate"}}, "E3", "package_not_for_you"},
		"for residents, and they are":  {campus.PackagePolicy{NeedsDormitory: true}, "E3", ""},
		"for residents, and they live": {campus.PackagePolicy{NeedsDormitory: true}, "", "package_needs_dormitory"},
		"retired":                      {campus.PackagePolicy{Retired: true}, "E3", "package_retired"},
	} {
		require.Equal(t, test.want, test.policy.Bars(student, test.dormitory), name)
		if test.want != "" {
			require.True(t, campus.HasText("problem."+test.want), name)
		}
	}
}

func TestPackageStates(t *testing.T) {
	t.Parallel()
	all := []campus.PackageState{campus.PackageRequested, campus.PackageGranted, campus.PackageWithdrawing,
		campus.PackageWithdrawn,
		campus.PackageRefused}
	for _, from := range all {
		require.True(t, campus.HasText("package_state."+string(from)), from)
		for _, to := range all {
			if from.Terminal() {
				require.False(t, from.CanBecome(to), "%s is an end, and not the beginning of %s", from, to)
			}
		}
	}
	require.True(t, campus.PackageWithdrawn.Terminal())
	require.True(t, campus.PackageRefused.Terminal())
	require.True(t, campus.PackageWithdrawing.CanBecome(campus.PackageGranted), "a withdrawal can be given up")
	require.False(t, campus.PackageGranted.CanBecome(campus.PackageRequested))
	require.False(t, campus.PackageGranted.CanBecome(campus.PackageWithdrawn), "its system is asked first")
}
