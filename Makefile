# Everything a developer or CI runs. `make` alone lists the targets.
# Needs only make, git and python3.11 (with its venv module); the rest is installed into .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test check golden screenshots wheel bench burden healthchain lock fhir-server browser laws mutate-protocol mutate clean

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3) python3)
PORT   ?= 5000
VENV   := .venv
BIN    := $(VENV)/bin
# The runtime alone, and all of it: the tests' packages are added to the same environment.
RUNTIME_READY := $(VENV)/.ready-runtime
READY := $(VENV)/.ready
# Twice quiet: errors only.
PIP := -m pip install --quiet --quiet --disable-pip-version-check --no-input
# Exactly what the lock names. pip must resolve nothing (a newer release of something that an extra
# wants once stopped every new installation) and build nothing: that would fetch build tools anew.
LOCKED := --no-deps --require-hashes --only-binary :all:
# Our own code, with the build tools of the lock and no look at an index.
OURSELVES := --no-deps --no-build-isolation --no-index

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

setup: $(READY) ## install the locked environment, runtime and tests, into .venv
	@:

$(RUNTIME_READY): requirements.lock requirements-build.lock pyproject.toml
	@$(call new_venv,$(VENV))
	@echo "Installing what serving needs into $(VENV) (160 MB; half a minute the first time) ..."
	@$(BIN)/python $(PIP) $(LOCKED) -r requirements.lock -r requirements-build.lock
	@$(BIN)/python $(PIP) $(OURSELVES) --editable .
	@$(call checked,$(VENV))
	@touch $@
	@echo "Ready: $(VENV)"

$(READY): requirements-test.lock pyproject.toml
	@$(call new_venv,$(VENV))
	@echo "Installing the runtime and all that tests need into $(VENV) (840 MB; a minute or two the first time) ..."
	@$(BIN)/python $(PIP) $(LOCKED) -r requirements-test.lock
	@$(BIN)/python $(PIP) $(OURSELVES) --editable .
	@$(call checked,$(VENV))
	@touch $(RUNTIME_READY) $@
	@echo "Ready: $(VENV)"

# A venv that is there and works is kept: only its packages are brought up to date. One whose set-up
# was interrupted may hold half a package, which pip would take for whole: it is made anew, from the
# downloads that pip has kept.
define new_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
|| { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name one: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }; \
{ [ ! -e $(1)/.unfinished ] && $(1)/bin/python -m pip --version >/dev/null 2>&1; } \
|| { $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
     || { echo "$(PYTHON) cannot create virtual environments: its venv or ensurepip module is missing. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
     $(PYTHON) -m venv --clear $(1); }; \
touch $(1)/.unfinished
endef

# pip did not resolve, so it is asked afterwards whether everything fits together.
define checked
found=$$($(1)/bin/python -m pip check) || { echo "$$found" >&2; exit 1; }; rm $(1)/.unfinished
endef

# Where the tests' packages are installed, they are kept up to date with the rest.
run: $(if $(wildcard $(READY)),$(READY),$(RUNTIME_READY)) ## start the service with its demo EHR on 127.0.0.1:5000 (PORT=... for another)
	@echo
	@echo "  Open in a browser:  http://127.0.0.1:$(PORT)/"
	@echo "  Ask the service:    curl http://127.0.0.1:$(PORT)/cds-services"
	@echo "  Open mode, for trying out: it asks nobody who they are. Stop with Ctrl-C."
	@echo
	@CDS_OPEN=1 CDS_DEMO=1 CDS_SMART=1 PORT=$(PORT) exec $(BIN)/gunicorn --config gunicorn.conf.py

check: setup ## lint, format, types, and the arrows between the stages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted; run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy
	@if [ -e tests/test_architecture.py ]; then $(BIN)/pytest --quiet --no-header tests/test_architecture.py; fi

# Beside the tests that keep time: generated charts, replays, the real record, and installing.
BESIDE := tests/laws tests/oracle tests/invariants tests/tools tests/real tests/test_mutations.py \
          tests/assessment/test_laws.py tests/assessment/test_timeline_laws.py \
          tests/test_near_lines.py tests/install

test: setup fhir-server browser check ## everything CI runs
	@mkdir -p .run; failed=; $(BIN)/pytest $(BESIDE) >.run/beside.log 2>&1 & beside=$$!; \
	$(BIN)/pytest $(BESIDE:%=--ignore=%) $(PYTEST_ARGS) || failed=1; \
	wait $$beside || failed=1; cat .run/beside.log; test -z "$$failed"
	@$(MAKE) --no-print-directory mutate-protocol

laws: setup ## hold the laws over 20,000 generated charts each (an hour or so on two cores)
	@$(BIN)/python -m tests.laws $(LAWS_ARGS)

mutate-protocol: setup ## move each threshold of the protocol: some test must notice
	@if [ -e tests/shift_protocol.py ]; then $(BIN)/python -m tests.shift_protocol; fi

# In a copy, .run/mutate: neither the working tree nor an installed package is touched.
mutate: .venv-mutate/.ready ## change the code of the assessment at every place: some test must notice (half an hour)
	@rm -rf .run/mutate && mkdir -p .run/mutate
	@cp -R cds_service tests fhir_fixtures pyproject.toml DECISIONS.md .run/mutate/
	@cd .run/mutate && nice -n 5 ../../.venv-mutate/bin/mutmut run && ../../.venv-mutate/bin/mutmut export-cicd-stats
	@.venv-mutate/bin/python -m tests.mutation_score .run/mutate/mutants/mutmut-cicd-stats.json

# The environments beside ours, each from a lock of its own.
.venv-%/.ready: requirements-%.lock
	@$(call new_venv,.venv-$*)
	@echo "Installing $< into .venv-$* ..."
	@.venv-$*/bin/python $(PIP) $(LOCKED) -r $<
	@$(call checked,.venv-$*)
	@touch $@

golden: setup ## rewrite what the fixtures record and the pages in docs; review the diff
	@$(BIN)/python -m tests.golden
	@$(BIN)/python -m tests.two_protocols_page
	@$(BIN)/python -m tests.registration_sheet
	@$(BIN)/python -m tests.fault_tables

screenshots: setup browser ## take the pictures of docs/images; look at them before a commit
	@$(BIN)/python -m tests.demo.screenshots docs/images

wheel: setup ## build dist/: the sdist, and from it the wheel
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation >/dev/null
	@ls dist/*

bench: setup ## measure latency and throughput on this machine
	@$(BIN)/python -m bench

burden: setup ## ask about 300 simulated stays of three populations: how many cards, how many right
	@$(BIN)/python -m bench.burden $(BURDEN_ARGS)

healthchain: .venv-healthchain/.ready ## install what `make bench` can compare with, into .venv-healthchain
	@:

fhir-server: .venv-fhir/.ready ## install the FHIR server that the tests speak with, into .venv-fhir
	@:

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

# The locks name no package index, so they serve behind any mirror. Each later one is held to the
# versions of those before it.
COMPILE = .venv-lock-tool/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
          --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock'
OURS = $(COMPILE) pyproject.toml

lock: .venv-lock-tool/.ready ## choose the newest allowed versions and write them into the locks
	@$(OURS) --extra postgres --output-file requirements.lock
	@$(COMPILE) --group build --constraint requirements.lock --output-file requirements-build.lock
	@$(OURS) --extra postgres --extra replay --constraint requirements.lock --output-file requirements-replay.lock
	@$(OURS) --all-extras --group build --constraint requirements-replay.lock --constraint requirements-build.lock \
	  --output-file requirements-test.lock
	@$(OURS) --group mutate --constraint requirements-test.lock --output-file requirements-mutate.lock
	@for group in fhir healthchain lock-tool; do $(COMPILE) --group $$group --output-file requirements-$$group.lock; done
	@git diff --stat -- '*.lock'

clean: ## remove the environments and everything that was generated
	@rm -rf .venv .venv-fhir .venv-healthchain .venv-mutate .venv-lock-tool .run build dist htmlcov .coverage .coverage.* \
	        .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
