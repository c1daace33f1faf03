# make run: from a fresh clone to results; make test: the default tests; make check: lint and types.
# VENV=PATH puts the virtual environment elsewhere.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test check

run: $(STAMP)
	$(BIN)/python init.py --study quick
	JANUSPORE_THREADS=$${JANUSPORE_THREADS:-1} $(BIN)/python project.py run --parallel
	$(BIN)/python -m januspore summary

test: $(STAMP)-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -e .
	@touch $@

$(STAMP)-dev: $(STAMP)
	$(BIN)/python -m pip install --quiet --no-compile -e '.[dev]'
	@touch $@
