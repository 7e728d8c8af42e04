# Everything that a developer or CI runs. `make` lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The Dockerfile builds with the same words; internal/deptest compares them.
BUILD   := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
TOOL    := go tool -modfile=tools.mod
# In CI every test runs anew, whatever the build cache remembers.
TESTFLAGS ?= -timeout 20m $(if $(CI),-count=1)
FUZZTIME  ?= 10s
BENCH     ?= .
BENCHTIME ?= 1s
ROUNDS    ?= 5
ROBUST_TIME ?= 30m
KILLS       ?= 200
NODE_DIRS := $(patsubst %/package-lock.json,%,$(wildcard $(addsuffix /package-lock.json,clients web test/* test/*/*)))

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## live rows right away, without any database; needs Go only
	go run ./cmd/tycostream demo

.PHONY: build
build: ## the static binary, bin/tycostream
	$(BUILD) -o bin/tycostream ./cmd/tycostream

.PHONY: docker
docker: ## the container image, tycostream:dev
	docker build --build-arg VERSION=$(VERSION) -t tycostream:dev .

##@ Test

.PHONY: setup
setup: ## install what the tests need and this machine lacks
	scripts/setup.sh

.PHONY: test
test: setup test-node ## all tests, with -race; installs what is missing
	go test -race $(TESTFLAGS) ./...

.PHONY: test-node
test-node:
	@for dir in $(NODE_DIRS); do \
		if grep -q '"test":' $$dir/package.json; then echo "npm test in $$dir"; (cd $$dir && npm test --silent); fi; \
	done

.PHONY: test-e2e
test-e2e: setup test-node ## the real binary, real PostgreSQL and browsers only
	go test -race $(TESTFLAGS) ./test/...

.PHONY: robust
robust: setup ## random rounds of writers, faults and clients against a model, for ROBUST_TIME (30m), up to the first failure
	mkdir -p .robust
	ROBUST_TIME=$(ROBUST_TIME) go test -race -v -count=1 -timeout 0 -run '^TestRobust$$' -artifacts -outputdir=$(CURDIR)/.robust ./test/robustness

.PHONY: kills
kills: ## kill the gateway, and its outbox alone, KILLS (200) times under load; what receivers heard is checked
	KILLS=$(KILLS) go test -v -count=1 -timeout 60m -run '^TestKillGateway$$' ./test/e2e
	go test -v -count=1 -timeout 60m -run '^(TestKill|TestImages)$$' ./internal/webhook/store -rounds $(KILLS)

.PHONY: stress
stress: setup ## the packages with model, fault and stress tests, ROUNDS (5) times with fresh dice
	go test -race -timeout 60m -count=$(ROUNDS) ./internal/table ./internal/feed ./internal/mzsim/... ./internal/source \
		./internal/backend/... ./internal/transport/... ./test/e2e

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: cover
cover: setup ## which lines the tests reach: coverage.html
	go test $(TESTFLAGS) -coverpkg=./cmd/...,./graph/...,./internal/... -coverprofile=coverage.out ./...
	go tool cover -html=coverage.out -o coverage.html
	go tool cover -func=coverage.out | tail -1

##@ Measure

.PHONY: bench
bench: bench-code bench-load ## benchmarks beside the code, then every load scenario; about half an hour

.PHONY: bench-code
bench-code: ## benchmarks beside the code; keeps the last two results in .bench
	mkdir -p .bench
	[ ! -f .bench/new.txt ] || mv .bench/new.txt .bench/old.txt
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) ./internal/... ./graph/... | tee .bench/new.txt

.PHONY: bench-load
bench-load: ## every load scenario, checked, beside a bare TCP writer; LOAD="-only storm" runs one, LOAD=-list names them
	mkdir -p .bench
	go run ./test/load $(LOAD) | tee .bench/load.txt

.PHONY: bench-diff
bench-diff: ## compare the last two results of make bench-code
	$(TOOL) benchstat .bench/old.txt .bench/new.txt

##@ Check

.PHONY: check
check: setup check-format check-generated check-mod check-modern lint check-deps check-web test ## all that must pass before a change lands

.PHONY: lint
lint: ## golangci-lint with the pinned set
	$(TOOL) golangci-lint run ./...

.PHONY: fix
fix: ## repair what lint, format, go fix, go generate and go mod tidy can repair
	go generate ./...
	go mod tidy
	go fix ./...
	$(TOOL) golangci-lint run --fix ./... || true
	$(TOOL) golangci-lint fmt ./...

.PHONY: generate
generate: ## run the code generators
	go generate ./...

.PHONY: vuln
vuln: ## known vulnerabilities; needs a database on the network
	scripts/vuln.sh

.PHONY: check-format check-generated check-mod check-modern check-deps check-web
check-format:
	$(TOOL) golangci-lint fmt --diff ./... || { echo "not formatted: run make fix" >&2; exit 1; }

check-generated:
	scripts/check-generated.sh

check-mod:
	go mod tidy -diff || { echo "go.mod is not tidy: run make fix" >&2; exit 1; }
	go mod verify

check-modern:
	@diff="$$(go fix -diff ./...)"; [ -z "$$diff" ] || { echo "$$diff"; echo "older idioms than Go 1.26: run make fix" >&2; exit 1; }

check-deps: # which package may import which
	go test $(TESTFLAGS) ./internal/deptest

check-web: # the committed pages are what their sources build
	@if [ -f web/package-lock.json ]; then cd web && npm run --silent verify; fi
