# Everything a person runs. `make demo` and `make test` do all they need by themselves on a machine with Python 3.11,
# gcc, node, java 17 and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SIZE ?= 10k
PIP_INSTALL = install -qq --disable-pip-version-check --no-deps --require-hashes
export DBT_SEND_ANONYMOUS_USAGE_STATS = false
export DO_NOT_TRACK = 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-spark setup-duckdb1 setup-browser setup-nginx demo dev portal test faults lint audit format bench docs lock clean

help: ## What there is to run
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make .venv with account-health in it

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip $(PIP_INSTALL) -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -c "from orchestration.dbt import ensure_manifest; from orchestration.settings import Settings; ensure_manifest(Settings())"
	@touch $@

setup-spark: .venv-spark/.ready ## Make .venv-spark, for ACCOUNT_HEALTH_ENGINE=spark

.venv-spark/.ready: requirements-spark.lock
	@echo "Setting up .venv-spark"
	@test -x .venv-spark/bin/python || $(PYTHON) -m venv .venv-spark
	@.venv-spark/bin/python -m pip $(PIP_INSTALL) -r requirements-spark.lock
	@touch $@

setup-duckdb1: .venv-duckdb1/.ready ## Make .venv-duckdb1, the old client that reads the BI file in tests

.venv-duckdb1/.ready: requirements-duckdb1.lock
	@test -x .venv-duckdb1/bin/python || $(PYTHON) -m venv .venv-duckdb1
	@.venv-duckdb1/bin/python -m pip $(PIP_INSTALL) -r requirements-duckdb1.lock
	@touch $@

setup-browser: tests/browser/.ready ## Make what the browser tests need: Chromium, identity providers, packages of Node

BROWSER_PACKAGES := chromium php-cli php-xml simplesamlphp

tests/browser/.ready: tests/browser/axe/package-lock.json tests/browser/idp/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or later is needed, with npm"; exit 1; }
	@dpkg -s $(BROWSER_PACKAGES) >/dev/null 2>&1 || test "$$(id -u)" = 0 || { echo "As root: apt-get install --no-install-recommends $(BROWSER_PACKAGES)"; exit 1; }
	@dpkg -s $(BROWSER_PACKAGES) >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(BROWSER_PACKAGES); }
	@npm ci --prefix tests/browser/axe --silent --no-audit --no-fund
	@npm ci --prefix tests/browser/idp --silent --no-audit --no-fund
	@touch $@

demo: setup ## Make up a company with a known share of dirt, refresh it, and show what came out
	@$(BIN)/account-health demo

dev: setup ## Open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/python -m orchestration.dev

portal: setup ## Open the portal on http://127.0.0.1:8321; whoever signs in picks who to be
	@$(BIN)/account-health portal --development

test: setup setup-spark setup-duckdb1 setup-browser setup-nginx ## Run linters and every test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

faults: setup ## Kill pulls and landings at two hundred moments
	@ACCOUNT_HEALTH_TEST_KILLS=200 $(BIN)/python -m pytest tests/faults

lint: setup ## Check style of Python and SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

audit: setup ## Look the locked packages up among known vulnerabilities (needs the network)
	@scripts/audit

format: setup ## Put Python into the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Time a whole refresh at SIZE=10k, 100k or 1m accounts
	@$(BIN)/python -m benchmarks.run --size $(SIZE)

docs: setup ## Bring the pages made from models, streams, policies and settings up to date
	@$(BIN)/python -m orchestration.docs .

lock: ## Resolve requirements anew (needs uv)
	@scripts/lock

clean: ## Remove what runs made here, but not the environments
	@rm -rf .account-health dbt_project/target dbt_project/logs .pytest_cache .ruff_cache .hypothesis
