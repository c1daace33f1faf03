"""Examples in docstrings are run; the version is defined in one place."""

import doctest
import importlib
import re
import tomllib
from pathlib import Path

import pytest

import januspore

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
WITH_EXAMPLES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_print_what_they_state(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted and not found.failed


def test_main_functions_have_an_example():
    assert {name.removeprefix("januspore.") for name in WITH_EXAMPLES} >= {
        "analysis.statistics",
        "model.pore",
        "model.system",
        "protocols.field",
        "products.results",
        "schema.parse",
        "space.study",
    }


def test_the_version_is_defined_in_one_place():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in table["project"] and "version" in table["project"]["dynamic"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == januspore.__version__
    assert f"## {januspore.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_package_tells_type_checkers_that_it_has_types():
    assert Path(januspore.__file__).with_name("py.typed").exists()
