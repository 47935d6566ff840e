package money_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// L3: a name in another look is the same name (campus.SameName), of merchants as of tills; a retired one frees it.
func TestNamesOfMerchantsAndTillsAreCompared(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	shop := h.Merchant("Café Éclair", "canteen")
	till := h.Till(shop, "Café Éclair")
	for look, name := range map[string]string{
		"the same":           "Café Éclair",
		"a blank at its end": "Café Éclair ",
		"a wide blank":       "Café\u3000Éclair",
		"a zero-width blank": "Ca\u200bfé Éclair",
		"a filler":           "Café Éclair\u3164",
		"full width":         "Ｃａｆé Éclair",
		"capitals":           "CAFÉ ÉCLAIR",
		"decomposed":         "Cafe\u0301 E\u0301clair",
	} {
		_, err := h.Money.ProposeMerchant(t.Context(), storagetest.Request(campus.Staff(who.ID)), who,
			money.NewMerchant{NameZH: name, NameEN: "x", Trade: "print"})
		require.Equal(t, "merchant_exists", campus.ReasonOf(err), look)
		_, err = h.Money.ProposeMerchant(t.Context(), storagetest.Request(campus.Staff(who.ID)), who,
			money.NewMerchant{NameZH: "甲", NameEN: name, Trade: "print"})
		require.Equal(t, "merchant_exists", campus.ReasonOf(err), "in English, "+look)
		refused, ok := errors.AsType[*campus.Error](err)
		require.True(t, ok)
		require.Equal(t, "name_en", refused.Field)
		require.Equal(t, campus.Conflict, campus.CodeOf(err), look)
		_, err = h.Money.AddTerminal(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, shop.ID, name)
		require.Equal(t, "terminal_exists", campus.ReasonOf(err), look)
		require.Equal(t, campus.Conflict, campus.CodeOf(err), look)
	}
	another, err := h.Money.ProposeMerchant(t.Context(), storagetest.Request(campus.Staff(who.ID)), who,
		money.NewMerchant{NameZH: "Cafe Eclair", NameEN: "x", Trade: "print"})
	require.NoError(t, err, "an accent makes another name")
	require.Equal(t, "Cafe Eclair", another.NameZH)
	_, err = h.Money.SetTerminalState(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, till.ID, campus.TerminalRetired)
	require.NoError(t, err)
	_, err = h.Money.AddTerminal(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, shop.ID, "café éclair")
	require.NoError(t, err)
}
