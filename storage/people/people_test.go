package people_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func TestImportPeople(t *testing.T) {
	t.Parallel()

	t.Run("twice: the person stays the same and the roster wins", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		person := h.Person()
		require.NoError(t, h.People.SetLanguage(t.Context(), person.ID, campus.English))
		changed := person.Roster
		changed.Campus, changed.Phone, changed.DocumentNumber = storagetest.WestCampus, "13900000000", storagetest.ResidentNumber(77)
		faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{changed})
		require.NoError(t, err)
		require.Empty(t, faults)

		found, err := h.People.Identity(t.Context(), person.ID)
		require.NoError(t, err)
		require.Equal(t, "+8613900000000", found.Phone)
		require.Equal(t, storagetest.WestCampus, found.Campus)
		require.Equal(t, storagetest.ResidentNumber(77), found.DocumentNumber)
		require.Equal(t, campus.English, found.Language, "the language is the person's")
		require.Equal(t, 1, storagetest.One[int](h, `select count(*) from people`))
	})

	t.Run("a number in other letters is the same person, with all of what the later roster says", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		person := h.Person(func(p *people.RosterPerson) { p.Number = "t2012001" })
		small, capital := person.Roster, person.Roster
		capital.Number = "T2012001"
		faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{capital, small})
		require.NoError(t, err)
		require.Equal(t, []people.RosterFault{{Line: 1, Reason: "roster.twice"}}, faults)
		found, err := h.People.Identity(t.Context(), person.ID)
		require.NoError(t, err)
		require.Equal(t, "T2012001", found.Number)
		require.Equal(t, capital.DocumentNumber, found.DocumentNumber)
		capital.Phone = "" // a gap: the phone on file stays, by whatever spelling it is found
		_, err = h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{capital})
		require.NoError(t, err)
		small.Phone = ""
		faults, err = h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{small})
		require.NoError(t, err)
		require.Equal(t, []people.RosterFault{{Line: 0, Reason: "roster.phone_gone", Taken: true}}, faults)
	})

	t.Run("a name is kept clean, and as it was delivered where that differs", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		line := h.Person().Roster
		for _, step := range [][3]string{{"阿依古丽 • 买买提　", "阿依古丽 · 买买提", "阿依古丽 • 买买提　"},
			{"LI  LEI", "LI LEI", "LI  LEI"}, {"LI LEI", "LI LEI", ""}} {
			line.Name = step[0]
			faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{line})
			require.NoError(t, err)
			require.Empty(t, faults)
			require.Equal(t, step[1:], []string{storagetest.One[string](h, `select name from people`),
				storagetest.One[string](h, `select name_delivered from people`)})
		}
	})

	t.Run("the registry's end of studies stays until a roster says something new", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		person := h.Person()
		day := campus.DateOf(h.Clock.Now())
		for _, step := range []struct{ registry, roster, want campus.Date }{
			{day.AddDays(400), person.Roster.GraduatesOn, day.AddDays(400)},
			{campus.Date{}, person.Roster.GraduatesOn, day.AddDays(400)},
			{campus.Date{}, day.AddDays(-30), day.AddDays(-30)}, // corrected
			{day.AddDays(10), day.AddDays(-30), day.AddDays(10)},
			{campus.Date{}, campus.Date{}, campus.Date{}},
		} {
			if !step.registry.IsZero() {
				require.NoError(t, h.People.KeepGraduation(t.Context(), person.ID, step.registry))
			}
			person.Roster.GraduatesOn = step.roster
			_, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{person.Roster})
			require.NoError(t, err)
			found, err := h.People.Identity(t.Context(), person.ID)
			require.NoError(t, err)
			require.Equal(t, step.want, found.GraduatesOn)
		}
	})

	t.Run("lines that cannot be taken are left out and named", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		good := h.Person().Roster
		nameless, elsewhere, twice := good, good, good
		nameless.Number, nameless.Name = "1", ""
		elsewhere.Number, elsewhere.Campus = "2", "moon"
		good.Number = good.Number[:4] + " " + good.Number[4:] + "\u3000" // as nobody has to type it at the sign-in
		faults, err := h.People.ImportPeople(t.Context(), storagetest.University,
			[]people.RosterPerson{nameless, good, elsewhere, twice})
		require.NoError(t, err)
		require.Equal(t, []people.RosterFault{{Line: 0, Reason: "roster.incomplete"}, {Line: 2, Reason: "roster.campus"},
			{Line: 3, Reason: "roster.twice"}}, faults)
		require.Equal(t, 1, storagetest.One[int](h, `select count(*) from people`))
	})

	t.Run("a name is kept clean, and one of nothing that is seen is none", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		person := h.Person(func(p *people.RosterPerson) { p.Name = " 阿依古丽•买买提\u3000" })
		found, err := h.Store.People.Person(t.Context(), person.ID)
		require.NoError(t, err)
		require.Equal(t, "阿依古丽·买买提", found.Name)
		blank := person.Roster
		blank.Number, blank.Name = "1", "\u3000\u200b"
		faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{blank})
		require.NoError(t, err)
		require.Equal(t, []people.RosterFault{{Line: 0, Reason: "roster.incomplete"}}, faults)
	})

	// Postgres takes none of these, or nobody can use them: the others go in all the same.
	t.Run("a line that cannot be kept is left out, and the rest goes in", func(t *testing.T) {
		t.Parallel()
		for reason, spoil := range map[string][]func(*people.RosterPerson){
			"roster.incomplete": {
				func(p *people.RosterPerson) { p.Name = "" }, func(p *people.RosterPerson) { p.Name = "\u3000 \u200b" },
				func(p *people.RosterPerson) { p.Level = "" }, func(p *people.RosterPerson) { p.DocumentNumber = "\u00a0" },
			},
			"roster.unreadable": {
				func(p *people.RosterPerson) { p.Name = "张\x00伟" }, func(p *people.RosterPerson) { p.Email = "a\r\nBcc: x" },
				func(p *people.RosterPerson) { p.College = "a\xff" }, func(p *people.RosterPerson) { p.Name = "张\u202e伟" },
				func(p *people.RosterPerson) { p.Number = strings.Repeat("7", 41) },
				func(p *people.RosterPerson) { p.Status = strings.Repeat("字", 201) },
			},
			"roster.document": {
				func(p *people.RosterPerson) { p.DocumentNumber = "12345" },
				func(p *people.RosterPerson) { p.DocumentNumber = "37150220060901001X" },
				func(p *people.RosterPerson) { p.DocumentNumber = "371502200602300013" },
				func(p *people.RosterPerson) { p.DocumentType, p.DocumentNumber = campus.Passport, "E123" },
			},
			"roster.date": {
				func(p *people.RosterPerson) { p.EnrolledOn = campus.Date{Month: 12, Day: 31} },
				func(p *people.RosterPerson) { p.GraduatesOn = campus.Date{Year: 9999, Month: 12, Day: 31} },
			},
			"roster.enrolment": { // A6: their card waits for that day
				func(p *people.RosterPerson) { p.Status, p.EnrolledOn = "admitted", campus.Date{} },
			},
			"roster.phone": {
				func(p *people.RosterPerson) { p.Phone = "abc" }, func(p *people.RosterPerson) { p.Phone = "\u3000" },
				func(p *people.RosterPerson) { p.Phone = "138" }, func(p *people.RosterPerson) { p.Phone = "+86+13800000000" },
			},
		} {
			for i, change := range spoil {
				h := storagetest.New(t)
				good := h.Person().Roster
				bad, other := good, good
				bad.Number, other.Number = "bad", "other"
				change(&bad)
				faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{bad, other})
				require.NoError(t, err, "%s %d", reason, i)
				require.Equal(t, []people.RosterFault{{Line: 0, Reason: reason}}, faults, "%s %d", reason, i)
				require.Equal(t, 2, storagetest.One[int](h, `select count(*) from people`))
			}
		}
	})

	t.Run("a phone that takes no codes is said, and the line goes in without it; none at all is no fault",
		func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			abroad := h.Person().Roster
			silent, house := abroad, abroad
			abroad.Number, abroad.Phone, silent.Number, silent.Phone = "abroad", "+852 9123 4567", "silent", ""
			house.Number, house.Phone = "house", "(0635)-8230000"
			faults, err := h.People.ImportPeople(t.Context(), storagetest.University,
				[]people.RosterPerson{silent, abroad, house})
			require.NoError(t, err)
			require.Equal(t, []people.RosterFault{{Line: 1, Reason: "roster.phone_unreachable", Taken: true},
				{Line: 2, Reason: "roster.phone_unreachable", Taken: true}}, faults)
			require.Equal(t, 3, storagetest.One[int](h, `select count(*) from people where phone = ''`))
		})

	// An export with a gap: nobody loses what the house knows, and somebody hears of it.
	t.Run("a mail that is no address is left out; a phone that the roster lacks is kept; a level has no blanks",
		func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			person := h.Person()
			before := storagetest.One[string](h, `select phone from people`)
			require.NotEmpty(t, before)
			line := person.Roster
			line.Phone, line.Email, line.Level = "", "not a mail", "　undergraduate "
			faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{line})
			require.NoError(t, err)
			require.Equal(t, []people.RosterFault{{Line: 0, Reason: "roster.email", Taken: true},
				{Line: 0, Reason: "roster.phone_gone", Taken: true}}, faults)
			require.Equal(t, before+"||undergraduate",
				storagetest.One[string](h, `select phone || '|' || email || '|' || level from people`))
			line.Phone, line.Email = "+852 9123 4567", "zhang.wei@stu.example"
			_, err = h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{line})
			require.NoError(t, err)
			require.Equal(t, "|zhang.wei@stu.example", storagetest.One[string](h, `select phone || '|' || email from people`),
				"a number of another kind takes its place")
		})

	t.Run("a roster of bad lines alone changes nothing", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		bad := h.Person().Roster
		bad.Name = " "
		faults, err := h.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{bad})
		require.NoError(t, err)
		require.Len(t, faults, 1)
		require.Equal(t, "张伟", storagetest.One[string](h, `select name from people`))
	})

	t.Run("a university nobody knows is not found", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		_, err := h.People.ImportPeople(t.Context(), "nowhere", nil)
		require.Equal(t, campus.NotFound, campus.CodeOf(err))
	})

	t.Run("the document number is sealed, and bound to its owner", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		one, other := h.Person(), h.Person()
		sealed := storagetest.One[[]byte](h, `select document from people where id = $1`, one.ID)
		require.False(t, bytes.Contains(sealed, []byte(one.Roster.DocumentNumber)))
		h.Exec(`update people set document = $1 where id = $2`, sealed, other.ID)
		_, err := h.People.Identity(t.Context(), other.ID)
		require.EqualError(t, err, "open a sealed value of people.document: wrong key or damaged", "whose it is stays unsaid")
	})
}
