package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/deploy/stack"
)

func TestStrikesAreDrawnFromTheSeed(t *testing.T) {
	of := func(seed uint64, hangs int, hangFor time.Duration) []strike {
		c := chaos{Seed: seed, Kills: 2 * len(everyPart), Hangs: hangs, HangFor: hangFor, Every: 6 * time.Second,
			HangParts: []stack.Part{stack.Postgres, stack.Temporal}}
		return c.strikes()
	}
	count := func(list []strike, part stack.Part, hangs bool) (n int) {
		for _, s := range list {
			if s.part == part && s.hangs == hangs {
				n++
			}
		}
		return n
	}
	for seed := range uint64(50) {
		list := of(seed, 4, 0)
		require.Len(t, list, 2*len(everyPart)+4)
		require.Equal(t, list, of(seed, 4, 0), "a run can be repeated")
		for _, part := range everyPart {
			require.Equal(t, 2, count(list, part, false), "every part is killed as often as the others")
		}
		require.Equal(t, 2, count(list, stack.Postgres, true))
		require.Equal(t, 2, count(list, stack.Temporal, true))
		var kills []strike
		for _, s := range list {
			if !s.hangs {
				kills = append(kills, s)
				continue
			}
			require.GreaterOrEqual(t, s.lasts, shortestHang)
			require.Less(t, s.lasts, longestHang)
		}
		require.Equal(t, of(seed, 0, 0), kills, "kills are the same without hangs")
	}
	hangs := func(seed uint64) []strike {
		c := chaos{Seed: seed, Hangs: 4, HangParts: []stack.Part{stack.Postgres, stack.Temporal}}
		return c.strikes()
	}
	require.NotEqual(t, of(1, 0, 0), of(2, 0, 0), "another seed, other kills")
	require.NotEqual(t, hangs(1), hangs(2), "another seed, other hangs")
	for _, s := range of(1, 2, 30*time.Second) {
		require.True(t, !s.hangs || s.lasts == 30*time.Second)
	}
}
