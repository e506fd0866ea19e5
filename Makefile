# Plain make lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build install test lint fuzz race heavy soak bench ci demo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	LICTOR_SOAK=short go test -tags heavy -timeout 20m ./...

soak: ## run the tests that take hours, in full
	LICTOR_SOAK=full go test -tags heavy -timeout 3h ./...

bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

ci: ## run everything a change must pass
	bash .ci/run

demo: ## show a disaster and its recovery
	go run ./cmd/lictor demo
