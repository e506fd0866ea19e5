# Plain make lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build install test lint fuzz race heavy api-suite soak bench speed ci demo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./lictor
	go build -trimpath -o lictor ./cmd/lictor

install: ## install lictor where go install puts programs
	go install -trimpath ./cmd/lictor

test: ## run the tests
	go test ./...

lint: ## check format, go vet and staticcheck
	scripts/lint

fuzz: ## run every fuzz target for 10 seconds
	scripts/fuzz

race: ## run the tests of internal packages under the race detector
	scripts/race

heavy: ## run the tests that take minutes, shortened
	LICTOR_SOAK=short scripts/heavy all

api-suite: ## run the tests of Consul's Go client against lictor
	scripts/api-suite -failures

soak: ## run the tests that take hours, in full
	LICTOR_SOAK=full scripts/heavy all

bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

speed: ## fail if a server got slower, or needs more memory
	scripts/guard

ci: ## run everything a change must pass
	bash .ci/run

demo: ## show a disaster and its recovery, on one server and on three
	go run ./cmd/lictor demo
	go run ./cmd/lictor demo -servers=3
