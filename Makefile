# SPDX-License-Identifier: Apache-2.0
# A thin layer over Meson; README.md and `make help` say what each target does.
BUILD ?= build
PREFIX ?= /usr/local
prefix ?= $(PREFIX)
# A shell does not expand the ~ in `make install prefix=~/.local`.
place = $(patsubst ~/%,$(HOME)/%,$(prefix))

all: ## build into build/ (tools/deps installs what it needs)
	@tools/configure plain $(BUILD)
	ninja -C $(BUILD)
demo: ## install what is missing, build, classify drawn photos through a real daemon
	tools/deps demo
	@$(MAKE) --no-print-directory all
	demo/run $(abspath $(BUILD))
test: ## install what is missing, build, run unit and functional tests, lint, sanitizers (under 20 min)
	tools/deps test
	tools/run-tests test
test-long: ## fuzzing, jobs at scale, functional tests under AddressSanitizer, threads under ThreadSanitizer
	tools/deps test
	tools/run-tests test-long
unit functional lint asan tsan fuzz long: ## run one part of the tests
	tools/run-tests $@
format: ## format every C file with clang-format 14
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format-14 -i
bench experiment experiment-quick: ## measure: the figures of docs/performance.md; the paper's experiment (root, half an hour); a short form of it (3 min)
	tools/deps $(@:-quick=)
	@$(MAKE) --no-print-directory all
	$(@:-quick=)/run $(abspath $(BUILD)) $(if $(filter %-quick,$@),--quick)
install uninstall: ## install below prefix (/usr/local), or remove what was installed; DESTDIR is put before it
	tools/$@ $(BUILD) $(place)
clean: ## remove the build directories
	rm -rf build build-asan build-tsan build-fuzz
help: ## this list
	@sed -n 's/^\([a-z-][a-z -]*\):.*## /\1\t/p' Makefile | expand -t 16
.PHONY: all demo test test-long unit functional lint asan tsan fuzz long format bench experiment experiment-quick install uninstall clean help
