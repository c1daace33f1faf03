"""Seeds that would decide open statements: as many as needed, each once, within the budget."""

import pytest
from helpers import copy_studies
from test_products import loop, make_all, planted_space

from januspore.analysis.statistics import seeds_needed
from januspore.errors import InputError
from januspore.report.collect import products_made
from januspore.report.comparison import comparison
from januspore.report.decide import wishes, within
from januspore.run.initialise import init_command
from januspore.space.dataspace import open_project

OPEN = "reverse current below forward, E > 0"


@pytest.fixture
def space(tmp_path):
    """A sine with four seeds whose loop is open by less than its interval."""
    copy_studies(tmp_path)
    study = tmp_path / "studies" / "quick.toml"
    study.write_text(study.read_text().replace("count = 4", "count = 40"))
    project = planted_space(tmp_path, current=lambda e, r: 0.1 * loop(e, r), noise_e_nm=0.1)
    make_all(project, ("ndr",))
    return tmp_path


def wish_of(space, statement=OPEN):
    return next(w for w in wishes(open_project(space)) if w.statement.startswith(statement))


def sine_seeds(space):
    found = open_project(space).find_jobs({"protocol.name": "sine"})
    return sorted(job.statepoint["seed"] for job in found)


def test_the_seeds_asked_for_follow_from_the_interval(space):
    (row,) = [r for r in comparison(products_made(open_project(space))) if r.quantity == OPEN]
    value, low, high = row.made.findings["pore slab, E > 0, loop area (nA V/nm)"]
    assert low < 0 < value
    needed = seeds_needed(4, (high - low) / 2, abs(value))
    wish = wish_of(space)
    assert [point.seed for point in wish.points] == list(range(4, needed))
    assert wish.simulated_ps == pytest.approx(20.0 * (needed - 4))


def test_decide_makes_the_jobs_once_and_says_what_they_cost(space, capsys):
    wish = wish_of(space)
    init_command(["--decide", "--dry-run"], space)
    assert sine_seeds(space) == [0, 1, 2, 3] and "dry run" in capsys.readouterr().out
    budget = str(wish.simulated_ps / 1000)
    init_command(["--decide", "--max-ns", budget], space)
    out = capsys.readouterr().out
    assert f"to decide {OPEN} (MoSSe" in out and f"{len(wish.points)} more seeds" in out
    assert sine_seeds(space) == list(range(4 + len(wish.points)))
    init_command(["--decide", "--max-ns", budget], space)
    assert "0 new" in capsys.readouterr().out


def test_a_budget_that_is_too_small_leaves_a_statement_undecided_and_says_so(space, capsys):
    init_command(["--decide", "--max-ns", "0.001"], space)
    out = capsys.readouterr().out
    assert f"left open {OPEN}" in out and "to decide" not in out.split("to decide: 0 new")[0]
    assert sine_seeds(space) == [0, 1, 2, 3]


def test_seeds_that_several_statements_need_are_counted_once(space):
    one = wish_of(space)
    taken, left = within([one, one], one.simulated_ps / 1000)
    assert len(taken) == 2 and not left


def test_no_more_equilibrations_are_asked_for_than_the_protocol_has(tmp_path):
    copy_studies(tmp_path)
    project = planted_space(tmp_path, current=lambda e, r: 0.1 * loop(e, r), noise_e_nm=0.1)
    make_all(project, ("ndr",))
    wish = wish_of(tmp_path)
    assert not wish.points and "its protocol has 4" in wish.why_not


@pytest.mark.parametrize("arguments", [["--seeds", "0:3"], ["--protocol", "sine"]])
def test_decide_cannot_be_combined_with_other_choices_of_jobs(space, arguments):
    with pytest.raises(InputError, match=f"leave out {arguments[0]}"):
        init_command(["--decide", *arguments], space)
