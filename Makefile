PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
AGENT ?= examples/agents/document_processor.py

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format bench soak fuzz lock clean

help:
	@echo "make run     set everything up and open the console on an example agent"
	@echo "make test    set everything up and run the tests"
	@echo "make lint    ruff, mypy --strict and the import rules"
	@echo "make bench   print the figures of tests/benchmarks"
	@echo "make soak    10,000 random requests against the embedded engine, with reuse and without"
	@echo "make fuzz    4,000 spoilt inputs of every kind that is read from outside"
	@echo "make clean   remove .venv and everything generated"

setup: $(STAMP)

# The environment is rebuilt from nothing when what it is built from changed,
# so that a package dropped from the lock does not linger.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Charter needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot create environments; on Debian: apt install python3-venv" >&2; exit 2; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	@$(BIN)/charter-tui $(AGENT)

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

soak: setup
	$(BIN)/python tests/benchmarks/soak.py

fuzz: setup
	$(BIN)/python -W ignore -m tests.fuzz.fuzz

# Needs uv; everything else works without it.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --all-extras --upgrade pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
