# What people and CI call. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build demo test race check lint fmt fuzz vulncheck bench scale chaos kills clean

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The end-to-end tests take the longest and wait for most of it: they begin first, and the others run beside them.
PACKAGES = ./e2e ./...
# SQLite is C turned into Go: with each of its accesses to memory watched, tests of it take ten times as long.
RACE = -race -gcflags=modernc.org/...=-race=false

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: ## Build bin/oktasync
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/oktasync ./cmd/oktasync

demo: build ## Run the main job on an emulated Okta org
	bin/oktasync demo

# Tests that build the service find it compiled: two of them would compile it at the same time.
test: build ## Run all tests with the race detector, against a private Redis and PostgreSQL
	scripts/with-services.sh --in-memory go test $(RACE) -timeout 15m $(PACKAGES)

race: ## Run the end-to-end tests with a binary that looks for data races, too
	scripts/with-services.sh --in-memory go test $(RACE) -timeout 30m ./e2e -watch

lint: ## Format, vet, static analysis
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go vet -tags reference ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

check: lint test ## What has to pass before a change lands

fmt: ## Format the code
	gofmt -w $$(git ls-files '*.go')

fuzz: ## Feed random input to every fuzz target, FUZZTIME (1m) each
	scripts/fuzz.sh

vulncheck: ## Look for known vulnerabilities in what is called
	go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

bench: ## Measure against the floors (see docs/performance.md)
	scripts/with-services.sh go run ./bench $(BENCH)

scale: ## Full sync of PEOPLE people (100000) on both databases
	scripts/with-services.sh go run ./bench fullsync -people $(or $(PEOPLE),100000) -groups $(or $(GROUPS),1000)

chaos: ## Torment both installations with SEEDS seeds (see docs/reliability.md)
	scripts/install-tools.sh
	go run ./chaos -mode embedded -seeds $(or $(SEEDS),200) -seed $(or $(SEED),1) -tenants 25
	go run ./chaos -mode postgres -seeds $(or $(SEEDS),50) -seed $(or $(SEED),1) -tenants 10

kills: ## Break everything between the feed and products for FOR (10m), in the order of SEED; then many writers and readers
	scripts/with-services.sh go test ./e2e -run 'TestUsersTable$$' -v -timeout 30m -breaks.for $(or $(FOR),10m) -breaks.seed $(or $(SEED),1)
	scripts/with-services.sh go test ./api -run TestReadersMissNothing -v -feed.for 1m

clean: ## Remove what was built and the demo's data
	rm -rf bin data
