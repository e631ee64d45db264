# Every target sets up what it needs in .venv, again only when pyproject.toml has changed.
# PYTHON=... chooses the interpreter; otherwise the first of the usual names that is 3.11 to 3.13.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test style types ir units test-long networks bench docs clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	for python in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
	    if "$$python" -c "$$supported" 2>/dev/null; then break; else python=; fi; \
	done; \
	if [ -z "$$python" ]; then echo 'error: no Python 3.11 to 3.13; set PYTHON=...' >&2; exit 1; fi; \
	"$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(READY) ## Make the virtual environment .venv

demo: $(READY) ## Compile, run and check the shipped network; writes to out/
	$(BIN)/tilefold demo

test: $(READY) ## Run every quick check: style, types, IR tests, unit tests
	@$(MAKE) --no-print-directory --jobs 2 style types ir
	@$(MAKE) --no-print-directory units

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/pyright --pythonpath $(BIN)/python

ir: $(READY)
	$(BIN)/lit --quiet tests/lit

units: $(READY)
	$(BIN)/pytest --quiet --numprocesses auto --dist worksteal -m 'not long'

test-long: $(READY) ## Run the tests that take minutes or hours
	$(BIN)/pytest --numprocesses auto -m long

networks: $(READY) ## Fetch the networks of public packages that long tests and benchmarks run
	$(BIN)/python benchmarks/fetch.py

bench: $(READY) ## Measure the speed of the compiler and the emulator
	$(BIN)/python benchmarks/bench.py

docs: $(READY) ## Bring generated pages and the README's tour up to date
	$(BIN)/python -m tilefold.tools.docs
	$(BIN)/python -m tilefold.tests.support.tour README.md
	$(BIN)/python -m tilefold.tests.support.tour docs/benching.md

clean: ## Remove everything that these targets made
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis build out *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
