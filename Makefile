# make run: every operation of the quick study; in a fresh clone it installs into .venv first.
# make test: the default tests; make check: lint and types; both in a clone only.
# VENV=PATH puts the virtual environment elsewhere, PYTHON=PATH takes another Python.
PYTHON ?= python3

# `januspore new` makes data spaces without a pyproject.toml: there the package is installed already.
ifneq ($(wildcard pyproject.toml),)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := $(BIN)/python
else
RUN := $(PYTHON)
endif

.PHONY: run test check

run: $(STAMP)
	$(RUN) init.py --study quick
	JANUSPORE_THREADS=$${JANUSPORE_THREADS:-1} $(RUN) project.py run --parallel
	$(RUN) -m januspore summary

ifdef STAMP
test: $(STAMP)-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=benchmarks:tests $(BIN)/mypy benchmarks --allow-untyped-defs $(NAMES_ONLY)

# Benchmarks are run by hand, so a name that the package has no longer would stay unseen for long.
NAMES_ONLY := $(addprefix --disable-error-code ,arg-type assignment import-untyped misc operator \
	union-attr var-annotated)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -e .
	@touch $@

$(STAMP)-dev: $(STAMP)
	$(BIN)/python -m pip install --quiet --no-compile -e '.[dev]'
	@touch $@
endif
