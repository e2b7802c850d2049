# Everything runs in a virtual environment of its own (.venv), built from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.9

.PHONY: help env demo test test-all lint types docs bench lock clean

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "dbt-activate needs Python 3.11 to 3.13; $(PYTHON) is another version. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

env: $(STAMP)  ## Make the environment from the locked versions.

demo: $(STAMP)  ## Build the example project and activate it into the sandbox.
	$(BIN)/python dbt_project_example/demo.py

test: lint types  ## Lint, check types and run the tests.
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: lint types  ## The same, with the slow tests, and the dbt part on every version of dbt.
	$(BIN)/python -m pytest -n auto --dist worksteal
	$(BIN)/nox

lint: $(STAMP)  ## Check style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## Check types.
	$(BIN)/mypy

docs: $(STAMP)  ## Renew what is generated in README.md and docs/.
	$(BIN)/python -m tests.docs

bench: $(STAMP)  ## Measure speed and memory, as ratios against named baselines.
	$(BIN)/python -m benchmarks

lock:  ## Renew requirements.lock (needs uv on the PATH or in .venv).
	$(BIN)/uv pip compile pyproject.toml --extra duckdb --extra files --extra http --extra notifications --extra sandbox --extra webhook --group dev --universal \
		--python-version 3.11 --no-header --constraints requirements.in --output-file requirements.lock

clean:  ## Remove the environment and what the example project built.
	rm -rf $(VENV) dbt_project_example/target dbt_project_example/logs dbt_project_example/*.duckdb*
