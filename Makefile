# Everything a developer or CI runs. `make` alone lists the targets.
# Needs only make, git and python3.11 (with its venv module); the rest is installed into .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test check golden screenshots bench lock fhir-server browser mutate-protocol mutate clean

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3) python3)
PORT   ?= 5000
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
FHIR_READY := .venv-fhir/.ready
# Twice quiet: errors only.
PIP_QUIET := --quiet --quiet --disable-pip-version-check --no-input
UV_VERSION := 0.13.9

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

setup: $(READY) ## install the locked environment, runtime and tests, into .venv
	@:

$(READY): requirements-test.lock pyproject.toml
	@$(call new_venv,$(VENV))
	@echo "Installing the locked packages into $(VENV) (about a minute the first time) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --no-deps --require-hashes -r requirements-test.lock
	@$(BIN)/python -m pip install $(PIP_QUIET) --no-deps --no-build-isolation -e .
	@touch $@
	@echo "Ready: $(VENV)"

# A venv that is there and works is kept: only its packages are brought up to date.
define new_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
|| { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name one: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }; \
$(1)/bin/python -m pip --version >/dev/null 2>&1 \
|| { $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
     || { echo "$(PYTHON) cannot create virtual environments: its venv or ensurepip module is missing. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
     $(PYTHON) -m venv --clear $(1); }
endef

run: setup ## start the service with its demo EHR on 127.0.0.1:5000 (PORT=... for another)
	@echo
	@echo "  Open in a browser:  http://127.0.0.1:$(PORT)/"
	@echo "  Ask the service:    curl http://127.0.0.1:$(PORT)/cds-services"
	@echo "  Open mode, for trying out: it asks nobody who they are. Stop with Ctrl-C."
	@echo
	@CDS_OPEN=1 CDS_DEMO=1 PORT=$(PORT) exec $(BIN)/gunicorn --config gunicorn.conf.py

check: setup ## lint, format, types, and the arrows between the stages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted; run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy
	@if [ -e tests/test_architecture.py ]; then $(BIN)/pytest --quiet --no-header tests/test_architecture.py; fi

test: setup fhir-server browser check ## everything CI runs
	@$(BIN)/pytest $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory mutate-protocol

mutate-protocol: setup ## move each threshold of the protocol: some test must notice
	@if [ -e tests/shift_protocol.py ]; then $(BIN)/python -m tests.shift_protocol; fi

MUTATE_READY := .venv-mutate/.ready

# In a copy, .run/mutate: neither the working tree nor an installed package is touched.
mutate: $(MUTATE_READY) ## change the code of the assessment at every place: some test must notice (half an hour)
	@rm -rf .run/mutate && mkdir -p .run/mutate
	@cp -R cds_service tests fhir_fixtures pyproject.toml DECISIONS.md .run/mutate/
	@cd .run/mutate && nice -n 5 ../../.venv-mutate/bin/mutmut run && ../../.venv-mutate/bin/mutmut export-cicd-stats
	@.venv-mutate/bin/python -m tests.mutation_score .run/mutate/mutants/mutmut-cicd-stats.json

$(MUTATE_READY): requirements-mutate.txt
	@$(call new_venv,.venv-mutate)
	@echo "Installing the mutation tester into .venv-mutate ..."
	@.venv-mutate/bin/python -m pip install $(PIP_QUIET) --no-deps --require-hashes -r $<
	@touch $@

golden: setup ## rewrite what the fixtures record and the pages in docs; review the diff
	@$(BIN)/python -m tests.golden
	@$(BIN)/python -m tests.two_protocols_page
	@$(BIN)/python -m tests.registration_sheet
	@$(BIN)/python -m tests.fault_tables

screenshots: setup browser ## take the pictures of docs/images; look at them before a commit
	@$(BIN)/python -m tests.demo.screenshots docs/images

bench: setup ## measure latency and throughput on this machine
	@$(BIN)/python -m bench

fhir-server: $(FHIR_READY) ## install the FHIR server that the tests speak with, into .venv-fhir
	@:

$(FHIR_READY): requirements-fhir-server.txt
	@$(call new_venv,.venv-fhir)
	@echo "Installing the test FHIR server into .venv-fhir ..."
	@.venv-fhir/bin/python -m pip install $(PIP_QUIET) --no-deps --require-hashes -r $<
	@touch $@

CHROMIUM_FOUND := { command -v chromium || command -v chromium-browser || command -v google-chrome; }

browser: ## see that the page tests have a Chromium; CHROMIUM=install gets Debian's
	@if $(CHROMIUM_FOUND) >/dev/null; then exit 0; fi; \
	if [ "$${CI:-}" != true ] && [ "$${CHROMIUM:-}" != install ]; then \
	  echo "No Chromium here: the page tests are skipped. make browser CHROMIUM=install gets it."; \
	elif [ "$$(id -u)" != 0 ] || [ ! -e /etc/debian_version ]; then \
	  echo "No Chromium here, and only root on Debian can install it: the page tests are skipped."; \
	else \
	  echo "Installing Chromium ..."; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } >/dev/null \
	  || echo "Chromium could not be installed: the page tests are skipped."; \
	fi

# The locks name no package index, so they serve behind any mirror.
COMPILE = .venv-lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
          --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

lock: ## choose the newest allowed versions and write them into the locks
	@$(call new_venv,.venv-lock)
	@.venv-lock/bin/python -m pip install $(PIP_QUIET) uv==$(UV_VERSION)
	@$(COMPILE) --extra replay --extra postgres --group build --output-file requirements.lock
	@$(COMPILE) --all-extras --group build --constraint requirements.lock --output-file requirements-test.lock
	@$(subst pip compile pyproject.toml,pip compile,$(COMPILE)) --group fhir-server --output-file requirements-fhir-server.txt
	@$(COMPILE) --group mutate --constraint requirements-test.lock --output-file requirements-mutate.txt
	@git diff --stat -- '*.lock' requirements-fhir-server.txt requirements-mutate.txt

clean: ## remove the environments and everything that was generated
	@rm -rf .venv .venv-fhir .venv-mutate .venv-lock .run build dist htmlcov .coverage .coverage.* \
	        .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
