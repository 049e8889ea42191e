# Everything a person runs. `make help` lists it.
INCIDENT ?= shop-orders-locks
OUT ?= outputs
TARGET ?= masking
SECONDS ?= 600
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)

# One thread for the linear algebra: the matrices are small, and more threads are slower.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

ifneq ($(UV),)
new_venv = $(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
install = $(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt
else
new_venv = $(PYTHON) -m venv .venv
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
endif

.DEFAULT_GOAL := help
.PHONY: help investigate lab test test-fast check bench mutants fuzz format clean docs wheel-test

help:  ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

investigate: .venv/.product  ## Run the main notebook on a recorded incident (INCIDENT=id) and write its postmortem
	$(BIN)/workbench investigate $(INCIDENT) --out $(OUT)

lab: .venv/.product  ## Open JupyterLab on the notebooks
	$(BIN)/workbench lab

# A worker a core; a file's tests stay on one worker, with the servers and windows they share.
# The browser's driver keeps an event loop in its thread: its tests are a process of their own.
pytest = $(BIN)/python -m pytest
workers = --numprocesses logical --dist loadfile --no-loadscope-reorder --ignore tests/browser
measured = $(if $(COVERAGE),--cov --cov-report= --cov-fail-under=0)

test: .venv/.all  ## Set up and run all tests (COVERAGE=1 measures, and fails below the floor)
	$(pytest) $(workers) $(measured)
	$(pytest) tests/browser $(if $(COVERAGE),$(measured) --cov-append)
	$(if $(COVERAGE),$(BIN)/coverage report)

test-fast: .venv/.all  ## What a minute allows: no slow test, no server, no browser
	$(pytest) $(workers) -m 'not slow and not server'

check: .venv/.all  ## Lint, types, and notebooks stored bare
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --severity-level medium --recursive workbench
	$(BIN)/nbstripout --verify notebooks/*.ipynb

bench: .venv/.all  ## Accuracy on public incidents, quiet windows and speed, beside trivial rules and other methods
	$(BIN)/python -m tests.benchmarks

mutants: .venv/.all  ## Plant wrong changes in the rooms that decide, and list those that no test notices
	$(BIN)/python -m tests.mutants

fuzz: .venv/.all  ## Fuzz a parser, coverage-guided (TARGET=masking SECONDS=600)
	$(install) --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(TARGET) $(SECONDS)

format: .venv/.all  ## Format the code and pair the notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/jupytext --quiet --sync notebooks/*.py

clean:  ## Remove the environment and everything made
	rm -rf .venv $(OUT) build *.egg-info

docs: .venv/.all  ## Build the documentation into build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

wheel-test: .venv/.all  ## Build the wheel, install it into an empty environment and use it in an empty folder
	$(BIN)/python -m pytest tests/wheel/installed_checks.py

.venv/.product: pyproject.toml constraints.txt
	$(new_venv)
	$(install) --editable .
	@touch $@

.venv/.all: .venv/.product
	$(install) --editable '.[bench,clickhouse,dask,discovery,docs,keyring,shop,spark,test]'
	@touch $@
