# A short front for people; CMake does the work. `make help` says what there is.
SHELL := /bin/bash
JOBS ?= $(shell nproc)

.PHONY: build test demo bench fuzz fuzz-long long coverage mutate lint format install setup clean help
build: setup ## build into build/ (build/espalier, build/espalier-device)
	@cmake --preset release >/dev/null && cmake --build --preset release -j $(JOBS)

setup: ## install what building needs (Debian packages; asks for root or sudo)
	@scripts/setup.sh build

test: ## set up what is missing, build with sanitizers, run every test
	@scripts/test.sh

demo: build ## grow samples/greenhouse, show ten devices connected, stop everything
	@scripts/demo.sh

bench: build ## measure speed and memory beside named peers
	@scripts/bench.sh

fuzz: ## fuzz every reader for FUZZ_SECONDS each (default 60)
	@scripts/fuzz.sh

fuzz-long: ## fuzz every reader of src/esp, ten million inputs each (FUZZ_RUNS); goes on where it was stopped
	@FUZZ_ONLY='esp_*' FUZZ_RUNS=$${FUZZ_RUNS:-10000000} scripts/fuzz.sh

long: ## the suites of src/esp beside their peers, with many more cases than in make test, then fuzz-long
	@scripts/long.sh

coverage: ## print which lines of src/esp the tests run; fail under 95 %
	@scripts/coverage.sh

mutate: ## plant fifty faults in src/esp, one by one, and see whether the tests notice
	@scripts/mutate.py

lint: ## form, clang-tidy, cppcheck, shellcheck, order of the rooms
	@scripts/lint.sh

format: ## put every C file into form
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

install: build ## install to DESTDIR/usr/local
	@cmake --install build

clean: ## remove the build folders
	@rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
