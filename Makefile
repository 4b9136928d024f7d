# Every target runs from a clone alone. conformance needs nothing but Go; conformance-fresh, integration and bench also need
# a JDK 17 or newer and Maven, for the oracle, the broker and the peer; KAFKA_BROKERS is an existing cluster in the broker's place.
export GOTOOLCHAIN = auto
# Nothing here needs C. Without it a first build is a fifth shorter, and programs are static. The race detector does need it.
export CGO_ENABLED ?= 0

# What bench compares. KAFKA_BROKERS, if set, is used instead of an own broker.
QUERIES ?= raw q0 q1 q2 q3 q5 q7 q8 q11 keyed-count keyed-count-nocache shuffle
MODES   ?= eos:100 alos:5000
REPS    ?= 3
EVENTS  ?= 3000000
SUTS    ?= kafka-streams passthrough processor

.DEFAULT_GOAL := help
.PHONY: demo test race lint sbom reproducible conformance conformance-fresh integration integration-compose bench build check help

demo: ## run the embedded demo, no Kafka needed: make demo ARGS="--duration 20s"
	go run ./cmd/processor demo $(ARGS)

# The tag makes the Kafka client usable under virtual time: with its own mutexes a test that waits would never end.
TAGS = -tags synctests

# What takes longest under the race detector begins first, or one processor waits for it at the end.
SLOW = ./internal/local ./engine ./integration/conformance

test: ## run the tests, without vet and without Kafka
	go -C bench/kit test -vet=off ./...
	go test -vet=off -ldflags=-w $(TAGS) ./...

# state has models that look for wrong rows, on one goroutine; test runs all their rounds, and -short is one, of fewer checks.
race: ## run the tests under the race detector (needs a C compiler), but those of the rules and the benchmarks; build the example plugins
	CGO_ENABLED=1 go test -race -short $(TAGS) ./state
	BUILD_PLUGINS=1 CGO_ENABLED=1 go test -race $(TAGS) $(SLOW) $$(go list ./... | grep -v -e /internal/lint$$ -e /bench/ -e /state$$)

lint: ## check format, go vet, staticcheck and known vulnerabilities
	tools/lint.sh

sbom: ## write bin/processor.cdx.json: every module in the processor, with version and hash
	tools/sbom.sh

reproducible: ## build the processor of the last commit twice, one time with an empty cache, and compare
	tools/reproducible.sh

conformance: ## compare with Kafka Streams, scenario by scenario: make conformance DIR=path
	go run ./integration/conformance/cmd/conformance $(or $(DIR),integration/conformance/scenarios)

conformance-fresh: ## the same on new random scenarios (JDK 17 or newer, Maven): make conformance-fresh SEEDS="21 22" COUNT=100
	integration/conformance/fresh.sh $(or $(COUNT),400) $(or $(SEEDS),11 12 13 14 15)

integration: ## run the tests against a real broker: make integration ARGS="-run Kill -v"
	integration/run.sh $(ARGS)

integration-compose: ## bring the compose file up, work with it, restart what is in it (Docker; left out without): make integration-compose ARGS=-v
	integration/compose.sh $(ARGS)

bench: ## measure beside Kafka Streams: make bench QUERIES="q0 q5" MODES="eos:100" REPS=1 EVENTS=500000 SUTS=processor
	bench/run.sh --suts "$(SUTS)" --queries "$(QUERIES)" --modes "$(MODES)" --reps $(REPS) --events $(EVENTS) --keyed-events $(EVENTS)

build: ## build bin/processor
	go build -trimpath -o bin/processor ./cmd/processor

check: ## all that must pass before a change is merged
	.ci/run

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
