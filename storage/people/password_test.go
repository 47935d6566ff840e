package people_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// The same password as three keyboards send it, and two that only look like it.
const (
	composed   = "café de 2026"
	decomposed = "cafe\u0301 de 2026"
	fullWidth  = "ｃａｆé\u3000ｄｅ\u3000２０２６"
)

func otherPasswords() []string { return []string{"cafe de 2026", "CAFÉ DE 2026"} }

// hashAsTyped is the kept hash of a password that was hashed byte by byte, as it was typed.
func hashAsTyped(h *storagetest.Env, password string) string {
	mac := hmac.New(sha256.New, h.Config.Keys.Pepper)
	mac.Write([]byte(password))
	salt := []byte("sixteen of bytes")
	key := argon2.IDKey(mac.Sum(nil), salt, 1, 64, 1, 32)
	text := base64.RawStdEncoding.EncodeToString
	return "$argon2id$v=19$m=64,t=1,p=1$" + text(salt) + "$" + text(key)
}

// A password is one, whichever keyboard it is set and entered at (docs/security.md).
func TestPasswordsAreComparedInOneForm(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{"composed": composed, "decomposed": decomposed, "full width": fullWidth} {
		t.Run("set "+name, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			p := h.Person()
			policy := h.Policy().SignIn
			who, _ := storagetest.SignInFirst(t, h, p)
			_, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), policy, who)
			require.NoError(t, err)
			_, err = h.People.SetFirstPassword(t.Context(), policy, who, h.PhoneCode(t.Context()), set)
			require.NoError(t, err)
			for _, typed := range []string{composed, decomposed, fullWidth} {
				_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, typed))
				require.NoError(t, err, "%q", typed)
			}
			for _, other := range otherPasswords() {
				_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, other))
				require.Equal(t, "wrong_password", campus.ReasonOf(err), "%q", other)
			}
		})
	}

	t.Run("of staff, as the seed has it", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		h.University(storagetest.University)
		seed := []people.StaffSeed{{University: storagetest.University, Username: "rose", Name: "Rose", Password: decomposed}}
		require.NoError(t, h.People.SeedStaff(t.Context(), seed))
		_, err := h.People.SignInStaff(t.Context(), h.Policy().SignIn,
			people.Credentials{University: storagetest.University, Name: "rose", Password: composed})
		require.NoError(t, err)
	})

	t.Run("the initial one, full width", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person(func(p *people.RosterPerson) { p.DocumentNumber = "11010519491231002X" })
		_, err := h.People.SignInStudent(t.Context(), h.Policy().SignIn, storagetest.Credentials(p, "３１００２Ｘ"))
		require.NoError(t, err)
	})
}

// What was hashed as it was typed is accepted as it was typed, and is kept in its one form from then on.
func TestAPasswordOfAnotherFormIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	p := h.Person()
	policy, old := h.Policy().SignIn, hashAsTyped(h, decomposed)
	h.Exec(`update people set password_hash = $1 where id = $2`, old, p.ID)
	kept := func() string {
		return storagetest.One[string](h, `select password_hash from people where id = $1`, p.ID)
	}
	for _, other := range append(otherPasswords(), composed) { // composed: nobody knows yet that it is the same
		_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, other))
		require.Equal(t, "wrong_password", campus.ReasonOf(err), "%q", other)
		require.Equal(t, old, kept())
	}
	_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, decomposed))
	require.NoError(t, err)
	renewed := kept()
	require.NotEqual(t, old, renewed)
	for _, typed := range []string{composed, decomposed, fullWidth} {
		_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, typed))
		require.NoError(t, err, "%q", typed)
		require.Equal(t, renewed, kept(), "once")
	}
	require.Zero(t, storagetest.One[int](h,
		`select coalesce(sum(wrong), 0)::int from sign_in_entries where person_id = $1`, p.ID))
}
