# Every target installs what it needs into .venv/, from the lock files, and nothing else.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
# Tests wait for servers, processes and timers as much as they work.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types imports bench lock clean install install-dev

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: install ## sandbox and product together, connected, with data: opens on a browser address
	$(BIN)/ml-connector demo

test: check ## everything: checks, unit, conformance, acceptance, crash and scale-out tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

check: lint types imports ## format, lint, strict types, import rules

lint: install-dev
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench

format: install-dev ## rewrites the code in the project's format
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

types: install-dev
	$(BIN)/basedpyright

imports: install-dev
	$(BIN)/lint-imports

bench: install-dev ## the figures in bench/README.md, measured anew on this machine
	$(BIN)/python -m bench

install: .venv/.installed ## the product into .venv/

install-dev: .venv/.installed-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ml-connector needs Python 3.11 or newer; set PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || { rm -rf .venv; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv .venv; \
	  else echo "Python's venv module is missing: install the python3-venv package, then run make again."; exit 1; fi; }

.venv/.installed: requirements/product.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/product.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: requirements/dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

lock: install-dev ## compiles the lock files anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements/build.txt requirements/build.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements/product.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --extra dev -c requirements/product.txt -o requirements/dev.txt pyproject.toml

clean: ## removes .venv/ and everything the tools left
	rm -rf .venv .demo build dist .pytest_cache .ruff_cache .hypothesis src/*.egg-info
