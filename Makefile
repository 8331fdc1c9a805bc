# Everything runs in .venv, which is made on first use with nothing but pip. Another Python: make test PYTHON=python3.13
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# uv, where that is asked for, takes half of the time, but knows nothing of pip's own settings.
INSTALLER ?= pip
INSTALL_pip = $(1) -m pip --disable-pip-version-check --no-input --quiet install --no-compile
INSTALL_uv = $(BIN)/uv pip install --quiet --python $(1)
INSTALL = $(call INSTALL_$(INSTALLER),$(1))

# What an application may ask for.
EXTRAS := auto,fastapi,flask,django,aiohttp,litestar,asymmetric,redis,sql,server,alerts,migrate

# Lines that the tests run, in per cent, below which `make coverage` fails.
FLOORS := signatures=95 delivery=90 idempotency=91 integrations=85

# Set in many a container. Without bytecode, every process that the tests start would compile us, and each of pytest's
# the tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# The causes of silent drops need Python 3.12 or newer: the newest there is, beside the one that runs everything.
NEWEST ?= $(shell for python in python3.15 python3.14 python3.13 python3.12 \
	  $$(ls -d $(HOME)/.pyenv/versions/3.1[2-9]*/bin/python 2>/dev/null | sort -rV); do \
	  "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null \
	  && echo "$$python" && break; done)

.PHONY: help demo test backends backends-if-go door newest test-full soak test-versions coverage lint types contracts docs package audit sbom \
  bench clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 # /p' Makefile | column -t -s '#' 2>/dev/null || sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

demo: $(VENV)/.demo ## three applications, signed deliveries, their spans in a table
	@$(BIN)/python examples/demo.py $(ARGS)

# In a random order; OUTWORX_TEST_SEED=..., which a failure prints, gives that order again.
test: $(VENV)/.dev newest backends-if-go ## the tests, scaled to minutes; ARGS go to pytest
	@$(BIN)/python tests/run.py $(ARGS)

# Into a cache outside the checkout, once a machine: minutes, and a gigabyte or two of memory for the linker.
backends: ## build the Collector, Jaeger and Prometheus that tests run, with the machine's Go
	@$(PYTHON) collector-config/build/backends.py

# Without Go those tests are left out, which is said at their end.
backends-if-go:
	@$(PYTHON) collector-config/build/backends.py || [ $$? = 3 ]

door: $(VENV)/.dev ## every known way round the front door, on every framework and server
	@$(BIN)/python tests/run.py tests/door tests/strangers $(ARGS)

test-full: $(VENV)/.dev newest backends ## the tests at their full counts
	@OUTWORX_TEST_FULL=1 $(BIN)/python tests/run.py $(ARGS)

soak: $(VENV)/.dev ## application, collector and server under load: what grows; ARGS are minutes, else thirty
	@PYTHONPATH=tests $(BIN)/python -m soak $(ARGS)

# A target of its own, for it takes half as long again. Only the rooms that decide about a delivery have a floor.
coverage: $(VENV)/.dev $(VENV)/.coverage newest ## what the tests run of each room; ARGS go to pytest
	@$(BIN)/coverage erase
	@$(BIN)/coverage run tests/run.py $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --format=total | sed 's/^/of everything: /; s/$$/ %/'
	@status=0; for room in $(FLOORS); do \
	  $(BIN)/coverage report --include="src/outworx_otel/$${room%%=*}/*" --fail-under="$${room#*=}" || status=1; \
	done; exit $$status

# Each session has an environment of its own, in .nox.
test-versions: $(VENV)/.nox ## the tests with the lowest, the newest and the coming versions; ARGS go to nox
	@$(BIN)/nox $(ARGS)

lint: $(VENV)/.dev ## format and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy
	@# Without Django: it has no types of its own.
	@cd examples && ../$(BIN)/mypy --cache-dir ../.mypy_cache --config-file ../pyproject.toml $$(ls -d *.py */ | grep -v -e django -e silent_drops -e __pycache__)

contracts: $(VENV)/.dev ## who may import whom
	@$(BIN)/lint-imports --no-logo

# In an environment of its own, which needs nothing of ours: docstrings are read, not run. What pages have of the code
# is written by `python -m docs_build`, and a test fails where that was forgotten.
docs: .venvs/docs/.made ## the site; fails on dead links and anchors, and on what would be loaded from elsewhere
	@.venvs/docs/bin/python -m docs_build.site $(ARGS)

package: $(VENV)/.dev ## wheel and sdist in dist/, checked as PyPI checks them
	@rm -rf dist && $(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@$(BIN)/twine check --strict dist/*

audit: $(VENV)/.audit ## known weaknesses of what an installation brings
	@$(BIN)/python .ci/audit.py

# What an installation with every extra consists of, from one that is made for it: licences stand in no lock file.
sbom: $(VENV)/.audit ## what an installation consists of, in dist/outworx-otel.cdx.json
	@mkdir -p dist && $(BIN)/uv venv --quiet --clear --python $(BIN)/python .venvs/sbom
	@$(BIN)/uv pip install --quiet --python .venvs/sbom/bin/python '.[$(EXTRAS)]'
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type library --output-reproducible \
	  --output-format JSON --output-file dist/outworx-otel.cdx.json .venvs/sbom
	@echo dist/outworx-otel.cdx.json

bench: $(VENV)/.bench newest ## what it costs, as ratios
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what the other targets made
	@rm -rf $(VENV) .venvs .nox dist site .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip takes dependency groups (PEP 735) from 25.1 on; Debian 12 brings 23.0.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(PIP) install --upgrade 'pip >=25.1' $(filter uv,$(INSTALLER))
	@touch $@

# The demo needs few packages and the tests many (vendor SDKs among them): a stamp for each, renewed when
# pyproject.toml changes.
$(VENV)/.demo: pyproject.toml | $(VENV)/.made
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(PIP) install --group demo --editable '.[auto,fastapi,flask,django,server]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo "Installing what development needs into $(VENV) ..."
	@# Nothing is compiled: most of what vendors' SDKs bring is never imported.
	@$(call INSTALL,$(BIN)/python) --group dev --editable '.[auto,fastapi,flask,django,asymmetric,redis,sql,server]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP) install --group bench
	@# The published SDK brings a command of the same name: ours is put back.
	@$(PIP) install --no-deps --force-reinstall --editable .
	@touch $@

$(VENV)/.coverage: pyproject.toml | $(VENV)/.made
	@$(PIP) install --group coverage
	@touch $@

$(VENV)/.audit: pyproject.toml | $(VENV)/.made
	@$(PIP) install --group audit
	@touch $@

$(VENV)/.nox: pyproject.toml | $(VENV)/.made
	@$(PIP) install --group nox
	@touch $@

newest: .venvs/newest/.made

.venvs/newest/.made: pyproject.toml | $(VENV)/.made
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then :; \
	elif [ -z "$(NEWEST)" ]; then \
	  echo "NO PYTHON 3.12 OR NEWER WAS FOUND: the causes of silent drops are not tested." >&2; \
	else echo "Installing what $(NEWEST) needs into .venvs/newest ..." && mkdir -p .venvs && \
	  "$(NEWEST)" -m venv .venvs/newest && \
	  $(call INSTALL,.venvs/newest/bin/python) \
	    --editable '.[fastapi,flask,django]' pytest httpx python-multipart pyyaml && touch $@; fi

.venvs/docs/.made: pyproject.toml | $(VENV)/.made
	@echo "Installing what the site needs into .venvs/docs ..."
	@mkdir -p .venvs && $(PYTHON) -m venv .venvs/docs
	@$(if $(filter uv,$(INSTALLER)),$(call INSTALL_uv,.venvs/docs/bin/python),$(BIN)/python -m pip --python .venvs/docs/bin/python --disable-pip-version-check --no-input --quiet install) --group docs
	@touch $@
