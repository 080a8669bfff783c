# sedna-tinyms. `make demo` and `make test` do all their own set-up.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCKS := infer train jobs dev

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit test-e2e check format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) on PATH: install Python 3.11 or name another with PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(INSTALLED) ## make the virtual environment from the locked requirements

demo: $(INSTALLED) ## the whole loop on this machine: dogs against croissants, day and night
	@$(BIN)/python -m demo

test: test-unit test-e2e ## all tests

test-unit: $(INSTALLED) ## the fast tests, in parallel
	$(BIN)/pytest -n auto --dist loadfile -m "not e2e"

test-e2e: $(INSTALLED) ## whole jobs with real training
	$(BIN)/pytest -m e2e

check: $(INSTALLED) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## let ruff format the code and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## pin the full closure of requirements/*.in again, with hashes
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv
	for set in $(LOCKS); do \
		$(VENV)-lock/bin/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux \
			--override requirements/overrides.txt --generate-hashes --no-emit-index-url --no-annotate \
			--custom-compile-command "make lock" \
			--output-file requirements/$$set.txt requirements/$$set.in || exit 1; \
	done
	rm -rf $(VENV)-lock

clean: ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-lock demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis
