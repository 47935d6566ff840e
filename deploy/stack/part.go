package stack

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Part names something that a start brings about: a process that keeps running, or a job that is done once.
type Part string

// The processes.
const (
	Postgres  Part = "postgres"
	Temporal  Part = "temporal"
	S3        Part = "s3"
	UI        Part = "ui"
	Simulator Part = "simulator"
	API       Part = "api"
	Worker    Part = "worker"
	Terminal  Part = "terminal"
)

// The jobs.
const (
	build   Part = "build"
	migrate Part = "migrate"
	seed    Part = "seed"
	promote Part = "promote"
)

// Infra returns the parts that tests need: the servers of others, without a process of ours.
func Infra() []Part { return []Part{Postgres, Temporal, S3} }

// All returns the parts of a whole stack.
func All() []Part {
	return []Part{Postgres, Temporal, S3, UI, Simulator, API, Worker, Terminal, promote}
}

// ParseParts reads part names; "infra" and "all" stand for several.
func ParseParts(names []string) ([]Part, error) {
	var parts []Part
	for _, name := range names {
		switch {
		case name == "infra":
			parts = append(parts, Infra()...)
		case name == "all":
			parts = append(parts, All()...)
		case slices.Contains(All(), Part(name)):
			parts = append(parts, Part(name))
		default:
			return nil, fmt.Errorf("no part is called %q: there are %v, infra and all", name, All())
		}
	}
	return parts, nil
}

// service is a part that is a background process.
type service struct {
	part    Part
	needs   []Part
	url     string                                 // where it answers
	ports   []int                                  // all it listens on
	command func(context.Context) (command, error) // may first build or install the program
	prepare func(context.Context) error            // before a start, not when it already runs; may be nil
	ready   func(context.Context) error            // nil error: it answers
	after   func(context.Context) error            // each time it answers, must be harmless when done before; may be nil

	patience time.Duration  // how long it may take to answer
	ask      syscall.Signal // how it is asked to stop
	grace    time.Duration  // how long it may take to stop
}

// services returns all processes in the order in which they can start.
func (s *Stack) services() []service {
	return []service{s.postgres(), s.temporal(), s.s3(), s.ui(), s.simulator(), s.api(), s.worker(),
		s.terminal()}
}

// node is one step of a start and what must be done before it.
type node struct {
	part  Part
	needs []Part
	run   func(context.Context) error
}

// graph returns all steps of a start. Parts that do not need each other start at the same time.
func (s *Stack) graph(started func(Part)) []node {
	nodes := []node{
		{build, nil, s.build},
		{migrate, []Part{build, Postgres, Temporal, S3}, s.migrate},
		{seed, []Part{migrate, Simulator}, s.seed},
		{promote, []Part{Worker}, s.promote},
	}
	for _, svc := range s.services() {
		run := func(ctx context.Context) error { return s.bring(ctx, svc, started) }
		if svc.part == S3 && s.external.S3Endpoint != "" {
			run = func(context.Context) error {
				s.progress.say(S3, "S3_ENDPOINT is set: %s is used", s.external.S3Endpoint)
				return nil
			}
		}
		nodes = append(nodes, node{svc.part, svc.needs, run})
	}
	return nodes
}

// wanted returns the nodes of the parts and of all they need.
func wanted(nodes []node, parts []Part) []node {
	byPart := map[Part]node{}
	for _, n := range nodes {
		byPart[n.part] = n
	}
	chosen := map[Part]bool{}
	var choose func(Part)
	choose = func(p Part) {
		if chosen[p] {
			return
		}
		chosen[p] = true
		for _, need := range byPart[p].needs {
			choose(need)
		}
	}
	for _, p := range parts {
		choose(p)
	}
	return slices.DeleteFunc(nodes, func(n node) bool { return !chosen[n.part] })
}
