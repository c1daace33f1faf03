"""Sweeps recover planted values, and refuse to mix points that differ in several keys."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import charge_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import plant, planted_rows

from januspore.__main__ import main
from januspore.errors import InputError
from januspore.products import PRODUCTS
from januspore.products.results import parse_filter
from januspore.products.sweep import Asked, sweep
from januspore.products.sweep_files import write_sweep
from januspore.products.sweep_kept import kept_sweeps
from januspore.products.sweep_points import is_made_of
from januspore.report.write import write_report
from januspore.run.initialise import init_command
from januspore.space import faults
from januspore.space.conditions import is_driven
from januspore.space.dataspace import open_project, point_of
from januspore.verify.products import sweep_faults

HEAD = """
[dynamics]
timestep_fs = 2.0
cutoff_nm = 0.9
[equilibration]
count = 3
""" + charge_sets("janus", "neutral")
STAIRCASE = """
[[protocols]]
name = "staircase"
holds_V_per_nm = [0.6, 1.2]
hold_ps = 6.0
cell = {{ repeats_y = 8, repeats_z = 5, reservoir_nm = {depth}, pore_diameter_nm = {pore} }}
seeds = {{ {sets} }}
"""
JANUS, BOTH = 'janus = "0:3"', 'janus = "0:3", neutral = "0:3"'
CHOSEN = ["protocol.cell.reservoir_nm=1.5", "charge_set.Mo=1.06"]
OVER = "protocol.cell.pore_diameter_nm"
DEPTH = "protocol.cell.reservoir_nm"


def slope(point):
    """Planted current per field, nA nm/V: 10 d^2 in the Janus membrane, 20 d^2 in the neutral."""
    factor = 10.0 if point.charge_set.Mo else 20.0
    return factor * point.protocol.cell.pore_diameter_nm**2


def space_of(folder, *blocks, more=""):
    """A data space with planted staircases, for which `steady_current` is made."""
    text = HEAD + "".join(STAIRCASE.format(depth=d, pore=p, sets=s) for d, p, s in blocks) + more
    (folder / "study.toml").write_text(text)
    init_command(["--study", str(folder / "study.toml")], folder)
    project = open_project(folder)
    for job in filter(is_driven, project):
        point, rng = point_of(job), np.random.default_rng(job.sp.seed)
        per_field = slope(point)
        rows = planted_rows(
            point, lambda e, _, a=per_field: a * e, lambda e: 1.0, rng, noise_e_nm=1e-3
        )
        plant(job, rows)
    (product,) = (p for p in PRODUCTS if p.name == "steady_current")
    for jobs in product.groups(project):
        product.run(*jobs)
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Pores of three diameters; one of them also in a second cell, one with a second membrane."""
    blocks = [(1.5, 0.85, JANUS), (1.5, 1.2, BOTH), (1.5, 1.6, JANUS), (2.0, 1.6, JANUS)]
    return space_of(tmp_path_factory.mktemp("sweep"), *blocks)


def asked(quantity="conductance", over=OVER, **keys):
    where = parse_filter(keys.pop("where", [f"{DEPTH}=1.5", "charge_set.Mo=1.06"]))
    return Asked(tuple(quantity.split(",")), over, where=where, **keys)


def test_the_planted_conductance_of_each_pore_is_recovered(project):
    table, made = sweep(project, asked())
    assert table[OVER].tolist() == [0.85, 1.2, 1.6] and len(made) == 3
    assert set(table.quantity) == {"total conductance_nS"}
    length = 2 * 1.5 + 0.67
    truth = 10 * table[OVER] ** 2 / length
    assert table.value.to_numpy() == pytest.approx(truth.to_numpy(), rel=0.05)
    assert (table.low < table.value).all() and (table.value < table.high).all()
    assert (table.seeds == 3).all()


def test_a_column_of_a_table_is_swept_by_its_row(project):
    rows = ["field_V_per_nm=1.2", "species=K", "estimator=pore slab", "direction=forward"]
    where = [f"{DEPTH}=1.5", "charge_set.Mo=1.06", *rows]
    table, _ = sweep(project, asked("current_nA", where=where))
    assert table.value.to_numpy() == pytest.approx(6 * np.array([0.85, 1.2, 1.6]) ** 2, rel=0.1)
    assert (table.low < table.high).all()


def test_numbers_of_jobs_are_swept_by_their_mean_over_seeds(project):
    where = [f"{DEPTH}=1.5", "charge_set.Mo=1.06", "protocol.name=staircase"]
    table, made = sweep(project, asked("waters_in_pore,T_trans_K", where=where))
    assert set(table["product"]) == {"jobs"} and len(made) == 3
    for name, truth in (("waters_in_pore", 8.0), ("T_trans_K", 300.0)):
        own = table[table.quantity == name]
        assert own[OVER].tolist() == [0.85, 1.2, 1.6]
        assert own.value.to_numpy() == pytest.approx(truth)
    places = [place for one in made for place in one.made_of]
    assert len(places) == 9  # three seeds of three ensembles
    assert all(is_made_of(project, p, one.made_of[p]) for one in made for p in one.made_of)
    assert not is_made_of(project, places[0], "another")
    assert not is_made_of(project, "0" * 32, "another")
    with pytest.raises(InputError, match="no product has 'waters_in_pore_low'"):
        sweep(project, asked("waters_in_pore_low", where=where))


def test_an_ambiguous_row_is_refused_with_the_columns_that_distinguish_rows(project):
    with pytest.raises(InputError, match=r"has 32 rows in each steady_current") as caught:
        sweep(project, asked("current_nA"))
    for told in ("direction (forward, reverse)", "species (total, K, Cl)", "estimator (pore slab"):
        assert told in str(caught.value)
    nothing = [f"{DEPTH}=1.5", "charge_set.Mo=1.06", "species=Na"]
    with pytest.raises(InputError, match=r"no row of steady_current .* has species=Na"):
        sweep(project, asked("current_nA", where=nothing))


def test_points_that_differ_in_other_keys_are_never_mixed(project):
    with pytest.raises(InputError) as caught:
        sweep(project, asked(where=[]))
    message = str(caught.value)
    assert "charge_set.Mo (1.06, 0)" in message or "charge_set.Mo (0, 1.06)" in message
    assert f"{DEPTH} (1.5, 2)" in message and "--allow" in message and "\n" not in message
    table, _ = sweep(project, asked(where=["charge_set.Mo=1.06"], allowed=(DEPTH,)))
    assert table[DEPTH].tolist() == [1.5, 1.5, 1.5, 2.0]


def test_curves_by_another_key(project):
    where = [f"{DEPTH}=1.5", f"{OVER}=1.2"]
    both = ("charge_set.S", "charge_set.Se")
    with pytest.raises(InputError, match=r"differ in more than charge_set.Mo: charge_set.S "):
        sweep(project, asked(over="charge_set.Mo", where=where))
    table, _ = sweep(project, asked(over="charge_set.Mo", where=where, allowed=both))
    assert table.value[0] / table.value[1] == pytest.approx(2.0, rel=0.05)
    by = asked(where=["charge_set.Mo=1.06"], by=DEPTH)
    table, _ = sweep(project, by)
    assert table[DEPTH].tolist() == [1.5, 1.5, 1.5, 2.0]


def test_lists_and_names_are_swept_as_labels(tmp_path):
    other = STAIRCASE.replace("[0.6, 1.2]", "[1.2]").format(depth=1.5, pore=1.2, sets=JANUS)
    project = space_of(tmp_path, (1.5, 1.2, JANUS), more=other)
    table, _ = write_sweep(project, asked(over="protocol.holds_V_per_nm", where=[]))
    assert table["protocol.holds_V_per_nm"].tolist() == ["0.6, 1.2", "1.2"]
    assert len(kept_sweeps(project)) == 1


def test_a_staircase_without_the_field_is_left_out(tmp_path):
    more = STAIRCASE.replace("[0.6, 1.2]", "[-0.6]").format(depth=1.5, pore=1.2, sets=JANUS)
    project = space_of(tmp_path, (1.5, 1.2, JANUS), (1.5, 1.6, JANUS), more=more)
    row = {"field_V_per_nm": 1.2, "direction": "forward", "estimator": "pore slab"}
    where = [f"{key}={value}" for key, value in (row | {"species": "total"}).items()]
    table, _ = sweep(project, asked("current_nA", where=where))
    assert table[OVER].tolist() == [1.2, 1.6]
    assert table.value[1] / table.value[0] == pytest.approx((1.6 / 1.2) ** 2, rel=0.05)
    none = [*where[1:], "field_V_per_nm=0.9"]
    with pytest.raises(InputError, match="no row of steady_current"):
        sweep(project, asked("current_nA", where=none, allowed=("protocol.holds_V_per_nm",)))


def test_a_curve_for_each_value_of_a_list(tmp_path):
    more = STAIRCASE.replace("[0.6, 1.2]", "[1.2]")
    more = "".join(more.format(depth=1.5, pore=pore, sets=JANUS) for pore in (1.2, 1.6))
    project = space_of(tmp_path, (1.5, 1.2, JANUS), (1.5, 1.6, JANUS), more=more)
    table, paths = write_sweep(project, asked(by="protocol.holds_V_per_nm", where=[]))
    assert table["protocol.holds_V_per_nm"].tolist() == ["0.6, 1.2"] * 2 + ["1.2"] * 2
    assert table[OVER].tolist() == [1.2, 1.6] * 2
    assert all(path.exists() for path in paths)


def test_a_single_point_is_stated_with_the_command_for_more(project, tmp_path):
    alone = [f"{OVER}=1.2", f"{DEPTH}=1.5", "charge_set.Mo=1.06"]
    with pytest.raises(InputError) as caught:
        sweep(project, asked(where=alone))
    message = str(caught.value)
    assert f"{OVER} = 1.2 alone" in message and "python init.py --study FILE.toml" in message
    # There are jobs of a second point, which are not simulated.
    other = space_of(tmp_path, (1.5, 1.2, JANUS))
    (tmp_path / "more.toml").write_text(HEAD + STAIRCASE.format(depth=1.5, pore=1.6, sets=JANUS))
    init_command(["--study", str(tmp_path / "more.toml")], tmp_path)
    with pytest.raises(InputError, match=r"needs two points; python project.py run makes 2 of"):
        sweep(open_project(Path(other.path)), asked(where=[]))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"quantity": "conductivity"}, "no product has 'conductivity'; quantities here: "),
        ({"over": "protocol.cell.depth_nm"}, "--over = protocol.cell.depth_nm: no such key here"),
        ({"by": "protocol.mode"}, "--by = protocol.mode: no such key here; keys that vary: "),
        ({"allowed": ("protocol.cell.dept",)}, "--allow = protocol.cell.dept: no such key here"),
        ({"where": [*CHOSEN, "specie=K"]}, "specie: total conductance_nS is one number of each"),
        ({"product": "ndr"}, "no product has 'conductance'"),
        ({"product": "barriers"}, "--product = 'barriers': must be one of system_picture"),
        ({"where": ["protocol.name=sine"]}, "no product matches protocol.name=sine"),
    ],
)
def test_bad_input_is_one_line(project, keys, told):
    with pytest.raises(InputError) as caught:
        sweep(project, asked(**keys))
    assert told in str(caught.value) and "\n" not in str(caught.value)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="="), min_size=1, max_size=12)


@settings(max_examples=10)
@given(quantity=WORDS, over=WORDS, key=WORDS, value=st.one_of(st.none(), st.floats(), WORDS))
def test_no_arguments_cause_a_traceback(project, quantity, over, key, value):
    for where in ({}, {key: value}, {f"protocol.{key}": value}):
        with pytest.raises(InputError) as caught:
            sweep(project, Asked((quantity,), over, where=where))
        assert str(caught.value)


def test_the_command_writes_its_files_and_the_report_shows_them(project, capsys):
    root = ["--project", str(project.path), "sweep", "conductance", f"{DEPTH}=1.5"]
    assert main([*root, "--over", OVER, "charge_set.Mo=1.06"]) == 0  # a filter may stand anywhere
    with pytest.raises(SystemExit):
        main([*root, "--over", OVER, "--bye", "charge_set.Mo=1.06"])
    shown = capsys.readouterr().out
    assert "total conductance_nS" in shown and "sweep: results/sweeps/conductance_over" in shown
    (kept,) = (one for one in kept_sweeps(project) if "reservoir" in one.title)
    table = pd.read_csv(kept.figure.with_suffix(".csv"))
    assert table[OVER].tolist() == [0.85, 1.2, 1.6]
    assert kept.stale == "" and OVER in kept.title
    pages = [path.read_text() for path in write_report(project)]
    assert all(kept.title in page for page in pages)
    # A product of the sweep was made again: this is reported, and typing the command again helps.
    data = json.loads(kept.figure.with_suffix(".json").read_text())
    place = next(iter(data["made_of"]))
    path = kept.figure.parents[2] / place
    other = path.with_suffix(".aside")
    path.rename(other)
    assert "type the sweep again" in kept_sweeps(project)[0].stale
    other.rename(path)


@pytest.mark.parametrize("kind", ["json", "csv", "png"])
def test_a_damaged_sweep_is_reported_and_left_out(project, capsys, kind):
    write_sweep(project, asked())
    assert kept_sweeps(project) and not list(sweep_faults(project))
    name = asked().name
    (path,) = Path(project.path, "results", "sweeps").glob(f"{name}.{kind}")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"[0, 0.0]}")
    faults.forget()
    assert name not in {kept.figure.stem for kept in kept_sweeps(project)}
    told = capsys.readouterr().err
    assert "move it away, and type the sweep again" in told and told.count("\n") == 1
    (fault,) = sweep_faults(project)
    assert "not as it was written" in fault.line(Path(project.path))
    faults.forget()
    path.write_bytes(whole)


def test_a_refusal_writes_nothing_and_ends_with_status_2(project, capsys):
    before = sorted(Path(project.path, "results").rglob("*"))
    alone = ["--over", OVER, f"{OVER}=1.2", f"{DEPTH}=1.5", "charge_set.Mo=1.06"]
    code = main(["--project", str(project.path), "sweep", "conductance", *alone])
    error = capsys.readouterr().err
    assert code == 2 and error.startswith("error: sweep: ") and error.count("\n") == 1
    assert sorted(Path(project.path, "results").rglob("*")) == before
