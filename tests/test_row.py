"""workflow.toml has the operations of project.py, and row's commands do the same work."""

import importlib.util
import shlex
import tomllib

import pytest
import signac
from test_submit import STUDY
from test_workflow import ROOT, copy_project, run

from januspore.products import PRODUCTS
from januspore.protocols import names_with
from januspore.run.row import ACTIONS, MARKS, main, workflow

WORKFLOW = tomllib.loads((ROOT / "workflow.toml").read_text())
BY_NAME = {action["name"]: action for action in WORKFLOW["action"]}


def flow_project():
    spec = importlib.util.spec_from_file_location("project_of_flow", ROOT / "project.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Project


@pytest.fixture(scope="module")
def project_class():
    return flow_project()


def test_both_name_the_same_operations_once(project_class, tmp_path):
    names = [action["name"] for action in WORKFLOW["action"]]
    signac.init_project(str(tmp_path))
    operations = project_class.get_project(str(tmp_path)).operations
    assert sorted(names) == sorted(operations) and len(set(names)) == len(names)
    assert {*ACTIONS, *(product.name for product in PRODUCTS)} == set(names)


def test_the_file_is_what_the_command_writes():
    assert (ROOT / "workflow.toml").read_text() == workflow()


def test_both_use_the_same_conditions(project_class, tmp_path):
    signac.init_project(str(tmp_path))
    operations = project_class.get_project(str(tmp_path)).operations
    for name, (ready, done) in ACTIONS.items():
        pre, post = (
            [condition._callback for condition in conditions]
            for conditions in (operations[name]._preconditions, operations[name]._postconditions)
        )
        assert (pre, post) == ([ready], [done]), name


def test_actions_take_the_jobs_that_the_operations_take():
    def included(name):
        selectors = BY_NAME[name].get("group", {}).get("include", [])
        assert all(s["condition"][:2] == ["/protocol/name", "=="] for s in selectors)
        return {selector["condition"][2] for selector in selectors}

    assert included("equilibrate") == {"equilibrate"}
    assert included("simulate") == {*names_with("starts_from"), *names_with("bulk")}
    assert included("analyse") == set()
    for product in PRODUCTS:
        assert included(product.name) == {*names_with(product.needs)}
        assert BY_NAME[product.name]["previous_actions"] == ["analyse"]


def test_products_are_files_that_row_can_see():
    # row compares the names with those in the directory only, not in its subfolders.
    for name in ACTIONS:
        assert all("/" not in product for product in BY_NAME[name]["products"])
    assert {name: BY_NAME[name]["products"] for name in MARKS} == {k: [v] for k, v in MARKS.items()}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    space = copy_project(tmp_path_factory.mktemp("row"))
    text = STUDY.replace('"0:5"', '"0:1"').replace("count = 5", "count = 1")
    (space / "studies" / "row.toml").write_text(text)
    run(space, "python", "init.py", "--study", "row")
    return space


def directories(space, *protocols):
    found = signac.get_project(str(space), search=False).find_jobs()
    return [job for job in found if job.sp.protocol.name in protocols]


def command(name, jobs):
    """Commands of row's script: one for each directory, or one for all."""
    ids = [job.id for job in jobs]
    text = BY_NAME[name]["command"]
    assert ("{directory}" in text) != ("{directories}" in text)
    if "{directories}" in text:
        return [shlex.split(text.format(directories=" ".join(ids)))]
    return [shlex.split(text.format(directory=each)) for each in ids]


def test_an_operation_that_is_not_ready_says_so_and_leaves_no_product(space):
    (line,) = command("simulate", directories(space, "sine"))
    done = run(space, *line, status=2)
    assert done.stderr.strip().splitlines()[-1].startswith("error: job ")
    assert "not ready" in done.stderr
    (job,) = directories(space, "sine")
    assert not job.isfile(MARKS["simulate"])


def test_an_unknown_directory_is_one_line(space):
    done = run(space, "python", "-m", "januspore.run.row", "analyse", "nowhere", status=2)
    assert done.stderr.strip().splitlines() == [
        "error: directory 'nowhere': no job of the data space here"
    ]


def test_every_command_does_its_operation(space, monkeypatch):
    eligible = {
        "equilibrate": directories(space, "equilibrate"),
        "simulate": directories(space, "sine"),
        "analyse": directories(space, "equilibrate", "sine"),
    }
    for name, jobs in eligible.items():
        for line in command(name, jobs):
            run(space, *line)
        for job in jobs:
            assert ACTIONS[name][1](job)
            assert all(job.isfile(product) for product in BY_NAME[name]["products"])
    monkeypatch.chdir(space)
    for product in PRODUCTS:
        jobs = directories(space, *names_with(product.needs))
        if jobs:
            (line,) = command(product.name, jobs)
            # In this process, as starting a dozen interpreters takes a minute.
            assert line[:3] == ["python", "-m", "januspore.run.row"] and main(line[3:]) == 0
            assert all(product.path(job, "json").exists() for job in jobs), product.name
    left = run(space, "python", "project.py", "status").stdout
    assert " 0 jobs/aggregates with eligible operations" in left
