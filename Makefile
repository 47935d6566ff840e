# The commands of the project. `make` lists them; docs/stack.md tells more about the stack.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# One stack: its name, its first port, its data folder (empty: the usual one), its policy (empty: the demo's durations).
STACK     ?= dev
PORT_BASE ?= 7200
DATA_DIR  ?=
POLICY    ?=
export STACK PORT_BASE DATA_DIR POLICY

stack := go run ./deploy/stack/cmd/stack

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

## the development stack

.PHONY: up down status reset env demo
up: ## start what is not running, wait until it answers, print addresses and sign-ins
	@$(stack) up

down: ## stop what `make up` started; keep the data
	@$(stack) down

status: ## show every part
	@$(stack) status

reset: ## stop, and delete the stack's data and secrets
	@$(stack) reset

env: ## print the stack's environment: eval "$(make -s env)"
	@$(stack) env

demo: ## play the whole story on the running stack; ARGS="--lang en", ARGS="--kill worker,api"
	@$(stack) run -- go run ./deploy/demo $(ARGS)

.PHONY: doctor
doctor: ## look at every part of the running stack and say what is wrong; ARGS="--lang en"
	@$(stack) run -- "$$($(stack) binary)" doctor $(ARGS)

.PHONY: bench
bench: ## measure the product on a stack of its own and compare with the bars; ARGS="--only accept_down"
	@env -u STACK -u PORT_BASE -u DATA_DIR -u POLICY go run ./deploy/bench $(ARGS)

.PHONY: chaos
chaos: ## kill and hang the processes of a stack of its own while people apply; ARGS="--kills 3 --people 20" for a small one
	@env -u STACK -u PORT_BASE -u DATA_DIR -u POLICY go run ./deploy/chaos $(ARGS)

## tests

# What only computes goes without the race detector, under which a picture takes ten times as long: pictures, fonts, hashes of
# passwords, and what every process does before it begins (the widths of characters, the texts). Ours among them share
# nothing (TestWhatIsNotWatchedSharesNothing). vet is a part of `make check`.
unwatched := image/... github.com/go-text/typesetting/... golang.org/x/crypto/argon2 golang.org/x/crypto/blake2b github.com/mattn/go-runewidth github.com/goccy/go-yaml/... \
	campuscard/school/portrait campuscard/school/simulator/vision
race      := -race $(unwatched:%=-gcflags=%=-race=false)
# Tests wait more than they compute: for timers, pauses between tries, each other's processes.
gotest    := go test -vet=off $(race) -timeout 30m -parallel 4

# go test begins with the packages that are named first: those that take longest, so that none is waited for in the end.
long      := ./workflows ./api ./worker ./storage/people

.PHONY: test record
test: ## run every test on the tests' stack, with the race detector; the stories last, with the machine for themselves
	@$(stack) tool gcc >/dev/null
	@$(stack) --test run --clear --parts infra -- env RACE_FLAGS='$(race)' \
		bash -c '$(gotest) $(long) $$(go list ./... | grep -v /e2e) && $(gotest) ./e2e/...'

record: ## record the histories of courses that have none; those that are there stay
	@$(stack) --test run --parts infra -- go test ./workflows -run TestAnswersThatAreLost -count=1 -record

## documentation

.PHONY: diagrams
diagrams: ## draw docs/images again (needs graphviz)
	@for source in docs/images/*.dot; do dot -Tsvg $$source -o $${source%.dot}.svg; done

## checks

.PHONY: check fmt generate lint
check: ## format, vet, lint, workflowcheck, generate, tidy: and nothing of it may change the tree
	@before=$$($(tree)); \
	$(MAKE) --no-print-directory fmt lint generate; \
	go mod tidy; \
	diff <(echo "$$before") <($(tree)) || { echo "check: the files above were not as make check leaves them; look at git diff" >&2; exit 1; }

# The content of all that is not ignored. Compared before and after, so that check also works in a tree with changes.
tree = git ls-files -z --cached --others --exclude-standard | sort -zu | xargs -0 -r sha256sum 2>/dev/null || true

fmt: ## format the code
	@gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go' | sort -u | xargs -r ls -d 2>/dev/null)

lint: ## go vet, golangci-lint and workflowcheck
	@go vet ./...
	@"$$($(stack) tool golangci-lint)" run
	@"$$($(stack) tool workflowcheck)" -config .workflowcheck.yaml ./workflows/...

generate: ## run go generate
	@go generate ./...
