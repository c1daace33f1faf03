"""Imports follow the order of the packages in ARCHITECTURE.md, without circular ones."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "januspore"
#: Packages import from earlier lines only; those of one line do not import each other.
LAYERS = [
    ["errors", "quiet", "units", "values", "materials", ""],
    ["files", "settings"],
    ["hdf5", "stamps"],
    ["protocols"],
    ["schema"],
    ["model"],
    ["engines"],
    ["simulate"],
    ["analysis"],
    ["space"],
    ["products"],
    ["report"],
    ["device"],
    ["run"],
    ["check", "verify", "dashboard"],
    ["__main__"],
]
RANK = {name: k for k, layer in enumerate(LAYERS) for name in layer}
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    .removesuffix("__init__")
    .rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(name, path):
    """Modules of the package that a module imports at its own import."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    todo, found = [ast.parse(path.read_text(encoding="utf-8"))], set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue  # imported at a call only
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = package.split(".") if package else []
            base = parts[: len(parts) - node.level + 1]
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}".lstrip(".")
                found.add(full if full in MODULES else origin)
        todo.extend(ast.iter_child_nodes(node))
    return found - {name}


GRAPH = {name: imported(name, path) for name, path in MODULES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_packages_above_it_in_the_page(name):
    own = name.partition(".")[0]
    for other in GRAPH[name]:
        package = other.partition(".")[0]
        if package != own:
            assert RANK[package] < RANK[own], f"{name} imports {other}"


def test_there_is_no_circular_import():
    left = {name: set(others) for name, others in GRAPH.items()}
    while free := [name for name, others in left.items() if not others]:
        for name in free:
            del left[name]
        for others in left.values():
            others.difference_update(free)
    assert not left


def test_every_module_is_named_in_architecture():
    text = (PACKAGE.parent.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for name in RANK:
        if name not in ("", "__main__"):
            assert f"`{name}/`" in text or f"`{name}.py`" in text, name
    for path in [*(PACKAGE / "space").glob("*.py"), *(PACKAGE / "run").glob("*.py")]:
        assert path.name == "__init__.py" or f"`{path.name}`" in text, path.name
