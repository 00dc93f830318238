# Two commands: `make run` and `make test`. Each installs what it lacks, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# One more than the two cores of a small machine: tests also wait, for processes and for browsers.
JOBS ?= 3
FILES ?=
SECONDS ?= 45
BIN := .venv/bin
# Containers often tell Python to keep no bytecode; then every process compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test lint coverage validate fuzz bench install lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: install ## start Flyways; FILES="a.csv b.csv" loads your own data, private to you
	@exec $(BIN)/flyways up $(FILES)

install: ## install PostGIS, the Python packages and the viewer's files where missing
	@$(PYTHON) -m app.install

test: ## everything that must hold: style, types, directions, tests
	@$(PYTHON) -m app.install --tests
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --ignore tests/bench

lint: ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

coverage: ## statements of app and ingest that the tests run; at least 90 %
	@$(PYTHON) -m app.install --tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --ignore tests/bench \
		--cov --cov-report=term:skip-covered --cov-fail-under=90

validate: install ## write app/guides/validation.md: peers, simulated truth, calibration, cost
	$(BIN)/python -W ignore -m tests.movement.validation

fuzz: ## coverage-guided damage to every decoder, SECONDS each (45); what is found is kept in .cache/fuzz
	@$(PYTHON) -m app.install --tests
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/ingest/fuzz.lock
	$(BIN)/python -m tests.ingest.fuzz --seconds $(SECONDS)

bench: install ## measure on this machine
	$(BIN)/python -m pytest tests/bench -q -s -p no:randomly

lock: ## renew requirements.lock from pyproject.toml
	@echo '# Every package of the service and of its checks, by hash. Renewed by `make lock`.' > .cache/lock
	@$(BIN)/uv pip compile pyproject.toml --extra dev --quiet --upgrade \
		--python-platform linux --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate >> .cache/lock
	@mv .cache/lock requirements.lock

clean: ## remove what was installed or cached here; your data stay
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info app/viewer/vendor
