# Two commands do all set-up on a machine with Python >= 3.11 and make: `make race` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: race test setup lint truth capture clean

race: setup            ## race the servers on the built-in Django project; writes results/
	mkdir -p results
	$(BIN)/whichworker race builtin:django --json results/race.json --html results/race.html

test: setup lint       ## everything continuous integration runs
	$(BIN)/coverage run -m pytest -m "not truth"
	@echo "branch coverage: $$($(BIN)/coverage report --format=total) %"

setup: $(READY)        ## the virtual environment of this checkout, with .venv/bin/whichworker

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "whichworker needs Python 3.11 or newer; hint: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable . --group dev
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

truth: setup           ## the long live measurements that prove the verdicts honest (about 20 minutes)
	$(BIN)/python -m pytest -m truth -s

docs: setup            ## regenerate docs/reference from the code
	$(BIN)/python -m tests.docs.generate

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
