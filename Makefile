# Everything a developer or CI runs. `make` alone lists the targets.
# Needs only make, git and python3.11 (with its venv module); the rest is installed into .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test check golden bench lock fhir-server browser mutate-protocol clean

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

$(READY): requirements-test.lock pyproject.toml
	@$(call new_venv,$(VENV))
	@echo "Installing the locked packages into $(VENV) (about a minute the first time) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --require-hashes -r requirements-test.lock
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
