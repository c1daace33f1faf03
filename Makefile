# make run: from a fresh clone to results; make test: the default tests; make check: lint and types.
# VENV=PATH puts the virtual environment elsewhere.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test check

run: $(STAMP)
	$(BIN)/python init.py --study quick
	$(BIN)/python project.py run
	$(BIN)/python -m januspore summary

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
