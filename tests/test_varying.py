"""Sweeps over pore, salt or temperature: varying keys in tables, legends and verdicts."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import STUDIES, copy_studies, raw_point
from planted import plant, planted_rows
from test_products import loop, make_all, narrowing

from januspore.__main__ import main
from januspore.products.results import findings, product_table, results
from januspore.report.claims import CLAIMS
from januspore.report.collect import products_made
from januspore.report.comparison import comparison
from januspore.report.judging import Verdict
from januspore.report.panels import PANELS
from januspore.report.write import write_report
from januspore.run.initialise import init_command
from januspore.schema import state_point
from januspore.space.conditions import is_analysed
from januspore.space.dataspace import dump, open_project, point_of
from januspore.space.paper import departures
from januspore.space.varying import varying

MADE = ("ie_curve", "ndr", "membranes")
HOT, SALTY, WIDE = "temperature_K = 340.0", "salt_mol_per_L = 4.0", "pore_diameter_nm = 1.1"


@pytest.fixture
def space(tmp_path):
    copy_studies(tmp_path)
    return tmp_path


def planted(space, name, *arguments, cell="", dynamics=""):
    """Add jobs of the tests' short sine with given cell and dynamics, with planted records."""
    text = (STUDIES / "quick.toml").read_text()
    text = text.replace("[cell]", f"[cell]\n{cell}").replace(
        "[dynamics]", f"[dynamics]\n{dynamics}"
    )
    (space / "studies" / f"{name}.toml").write_text(text)
    init_command(["--study", name, *arguments], space)
    project = open_project(space)
    for job in project.find_jobs({"protocol.name": "sine"}):
        if not is_analysed(job):
            rng = np.random.default_rng(job.statepoint["seed"])
            plant(job, planted_rows(point_of(job), loop, narrowing, rng))
    return project


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A data space with one charge set under the paper's and two other conditions."""
    space = tmp_path_factory.mktemp("swept")
    copy_studies(space)
    planted(space, "quick")
    planted(space, "hot", dynamics=HOT)
    project = planted(space, "salty", cell=SALTY)
    make_all(project, MADE)
    return project


def test_varying_keys_are_found_among_protocols_of_one_name(swept):
    assert varying(swept, "sine").values == {
        "cell.salt_mol_per_L": [1.0, 4.0],
        "dynamics.temperature_K": [300.0, 340.0],
    }
    assert varying(swept, "equilibrate").values.keys() == varying(swept, "sine").values.keys()
    assert varying(swept, "staircase").values == {}


def test_defaults_that_are_left_out_count_and_keys_that_follow_from_others_are_not_named(tmp_path):
    project = open_project(tmp_path)
    for changes in ({}, {"charging_ps": 5.0}):
        raw = raw_point("barrier")
        raw["protocol"] |= changes
        project.open_job(dump(state_point(raw))).init()
    for mode, field in (("facilitation", 0.5), ("depression", 0.0)):
        raw = raw_point("paired_pulse")
        raw["protocol"] |= {"mode": mode, "rest_V_per_nm": field}
        project.open_job(dump(state_point(raw))).init()
    project = open_project(tmp_path)
    assert varying(project, "barrier").values == {"charging_ps": [0.0, 5.0]}
    pulses = varying(project, "paired_pulse")
    assert set(pulses.values) == {"mode", "rest_V_per_nm"} and pulses.telling == ["mode"]
    first = point_of(next(iter(project.find_jobs({"protocol.mode": "depression"})))).protocol
    assert pulses.legend(first) == ""  # the mode is in every legend
    assert pulses.columns(first) == {"protocol.mode": "depression", "protocol.rest_V_per_nm": 0.0}


def test_a_legend_names_only_the_keys_that_are_needed(tmp_path):
    project = open_project(tmp_path)
    wide = {"repeats_y": 9, "repeats_z": 6, "reservoir_nm": 1.8, "pore_diameter_nm": 2.0}
    for cell, hold in (({}, 4.0), (wide, 8.0), (wide, 60.0)):
        raw = raw_point("staircase")
        raw["protocol"]["cell"] = {**raw["protocol"].get("cell", {}), **cell}
        raw["protocol"] |= {"hold_ps": hold}
        project.open_job(dump(state_point(raw))).init()
    found = varying(open_project(tmp_path), "staircase")
    # Other keys of the wide pore's cell follow from its diameter; two ensembles differ in holds.
    assert found.telling == ["cell.pore_diameter_nm", "hold_ps"] and len(found.values) == 5
    legends = {found.legend(point_of(job).protocol) for job in project}
    assert legends == {
        "pore diameter 0.85 nm, hold 4 ps",
        "pore diameter 2 nm, hold 8 ps",
        "pore diameter 2 nm, hold 60 ps",
    }


def test_product_tables_and_files_have_a_column_for_each_key_that_varies(swept):
    table = product_table(swept, "ie_curve")
    keys = ["protocol.cell.salt_mol_per_L", "protocol.dynamics.temperature_K"]
    assert len(table.groupby(keys)) == 3 and {*keys} < {*table.columns}
    assert product_table(swept, "ie_curve", {keys[0]: 4.0})[keys[0]].unique().tolist() == [4.0]
    for path in (open_path(swept) / "ie_curve").glob("*/*.csv"):
        assert list(pd.read_csv(path).columns[:2]) == keys


def open_path(project):
    return Path(project.fn("results"))


def test_older_products_are_made_again_in_their_folders_with_the_varying_keys(space):
    project = planted(space, "quick")
    make_all(project, ("ndr",))
    before = {p: p.read_text() for p in open_path(project).glob("*/*/*.csv")}
    assert all("protocol." not in text for text in before.values())
    assert make_all(open_project(space), ("ndr",)) == []
    project = planted(space, "hot", dynamics=HOT)
    assert "protocol.dynamics.temperature_K" in product_table(project, "ndr")
    assert len(make_all(project, ("ndr",))) == 2
    after = {p: p.read_text() for p in open_path(project).glob("*/*/*.csv")}
    assert before.keys() < after.keys()
    assert all("protocol.dynamics.temperature_K" in text for text in after.values())
    assert make_all(open_project(space), ("ndr",)) == []


def test_figures_name_what_varies(swept, monkeypatch):
    from matplotlib.figure import Figure

    titles = []
    monkeypatch.setattr(Figure, "suptitle", lambda _figure, text, **_: titles.append(text))
    monkeypatch.setattr("januspore.products.product.digest", lambda *_: "another")
    make_all(swept, MADE)
    assert len(titles) == 9
    for wanted in ("salt 4 mol/L, temperature 300 K", "salt 1 mol/L, temperature 340 K"):
        assert sum(wanted in title for title in titles) == 3


def test_the_command_line_names_the_varying_keys(swept, capsys):
    ask = ["--project", str(swept.path)]
    assert main([*ask, "results", "protocol.name=sine"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert "cell.salt_mol_per_L" in head and "dynamics.temperature_K" in head and len(rows) == 12
    assert main([*ask, "results", "--product", "ndr", "--csv"]) == 0
    assert "protocol.cell.salt_mol_per_L" in capsys.readouterr().out.splitlines()[0]
    assert main([*ask, "summary", "--all"]) == 0
    told = capsys.readouterr().out
    assert len(re.findall(r"^ *MoSSe +sine +\S+ +\S+ +4 +4$", told, re.M)) == 3
    found = re.findall(r"\(salt (\d) mol/L, temperature (\d+) K\) ndr: verdict", told)
    assert sorted(found) == [("1", "300"), ("1", "340"), ("4", "300")]
    assert {name for name, *_ in findings(swept)} == set(
        re.findall(r"^(\S+ \([^)]*\)) (?:ndr|ie_curve|membranes):", told, re.M)
    )
    assert main([*ask, "summary"]) == 0
    shown = " ".join(capsys.readouterr().out.split())  # wrapped to a terminal's width
    assert "MoSSe (salt 1 mol/L, temperature 300 K)" in shown


def test_without_varying_keys_nothing_is_added(space, capsys):
    project = planted(space, "quick")
    planted(space, "quick", "--charges", "Mo=1.18,S=-0.59")
    make_all(open_project(space), ("ndr",))
    assert not varying(project, "sine").values
    assert not [c for c in product_table(project, "ndr") if c.startswith("protocol.")]
    assert main(["--project", str(space), "results"]) == 0
    assert "salt" not in capsys.readouterr().out
    assert all("(" not in name for name, *_ in findings(project))
    assert {m.label for m in products_made(project)} >= {"MoS2 (Mo +1.18, S -0.59 e)"}


# --- the paper's numbers -----------------------------------------------------------------------


def test_the_paper_s_numbers_are_compared_with_its_own_conditions_only(swept):
    rows = [row for row in comparison(products_made(swept)) if row.made is not None]
    assert {row.quantity for row in rows} == {c.quantity for c in CLAIMS if c.product == "ndr"}
    for row in rows:
        own = "salt 1 mol/L, temperature 300 K" in row.membrane
        assert (row.paper != "-") == own
        assert (row.reading.code is Verdict.APART) != own
        assert (row.reading.needs is None and row.reading.p is None) or own
    whys = {row.reading.why for row in rows if row.paper == "-"}
    assert whys == {"340 K, not 300", "4 mol/L, not 1"}
    assert len({row.membrane for row in rows}) == 3


def test_the_paper_s_numbers_are_compared_with_its_own_membranes_only(space):
    planted(space, "quick", "--seeds", "0:2")
    planted(space, "quick", "--charges", "Mo=1.18,S=-0.59", "--seeds", "0:2")
    project = planted(space, "quick", "--charges", "Mo=1,S=-0.6,Se=-0.4", "--seeds", "0:2")
    make_all(project, ("ndr",))
    rows = [row for row in comparison(products_made(project)) if row.made is not None]
    beside = {}
    for row in rows:
        if row.paper != "-":
            beside.setdefault(row.quantity, []).append(row.membrane.partition(" ")[0])
    assert beside["NDR onset, E > 0"] == ["MoSSe"]
    assert beside["reverse current below forward, E > 0"] == ["MoSSe", "MoS2"]
    own = [row for row in rows if row.membrane.startswith("MoSSe -0.6/-0.4")]
    assert own and {row.reading.why for row in own} == {
        "said of MoSSe alone",
        "said of its five membranes",
    }


def test_without_the_paper_s_own_conditions_a_statement_is_missing(space):
    project = planted(space, "salty", cell=SALTY)
    make_all(project, ("ndr",))
    compared = comparison(products_made(project))
    rows = [row for row in compared if row.quantity == "NDR onset, E > 0"]
    assert [row.reading.code for row in rows] == [Verdict.MISSING, Verdict.APART]
    assert "of the paper's membrane and conditions" in rows[0].reading.why


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, ""),
        ({"cell": {"repeats_y": 8, "repeats_z": 5}, "dynamics": {"timestep_fs": 2.0}}, ""),
        ({"cell": {"pore_diameter_nm": 0.86}}, ""),  # the same pore
        ({"cell": {"pore_diameter_nm": 1.1}}, "pore 1.11 nm, not 0.866 nm"),
        ({"cell": {"salt_mol_per_L": 4.0}}, "4 mol/L, not 1"),
        ({"dynamics": {"temperature_K": 340.0}}, "340 K, not 300"),
    ],
)
def test_conditions_that_are_not_the_papers(keys, told):
    raw = raw_point("sine")
    raw["protocol"] |= keys
    raw["protocol"].setdefault("dynamics", {})["cutoff_nm"] = 0.9
    shown = departures("MoSSe", state_point(raw).protocol)
    assert shown.startswith(told) and bool(shown) == bool(told)


def test_the_report_names_the_varying_keys_everywhere(swept):
    _, markdown = write_report(swept)
    text = markdown.read_text()
    for told in ("salt 4 mol/L, temperature 300 K", "salt 1 mol/L, temperature 340 K"):
        assert f"![ndr of MoSSe (Mo +1.06, S -0.61, Se -0.45 e); {told}]" in text
        assert f"| MoSSe ({told}) |" in text
        (membranes,) = re.findall(r"^\| MoSSe: MoSSe .*$", text, re.M)
        assert f"{told}: " in membranes
    assert "temperature 340 K)" in text[text.index("## Charging") : text.index("## Figures")]
    panel = next(p for p in PANELS if "ie_curve" in p.products)
    first, others = panel.split(products_made(swept))
    assert [m.product for m in first] == ["ie_curve", "ndr"] and len(others) == 4


# --- names -------------------------------------------------------------------------------------


def test_a_charge_set_has_the_name_that_a_study_gives_it(space, capsys):
    text = (STUDIES / "quick.toml").read_text()
    text = text.replace("[[charge_sets]]", '[[charge_sets]]\nname = "tuned"')
    text = text.replace("Se = -0.45", "Se = -0.40").replace("S = -0.61", "S = -0.66")
    (space / "studies" / "named.toml").write_text(text)
    init_command(["--study", "named"], space)
    project = open_project(space)
    for job in project.find_jobs({"protocol.name": "sine"}):
        plant(job, planted_rows(point_of(job), loop, narrowing, np.random.default_rng(0)))
    make_all(project, ("ndr",))
    assert set(results(project)["charge_set.name"]) == {"tuned"}
    assert main(["--project", str(space), "summary"]) == 0
    assert "Membranes: tuned" in capsys.readouterr().out
    assert "tuned: MoSSe (Mo +1.06, S -0.66, Se -0.4 e)" in write_report(project)[1].read_text()
    assert json.loads((space / "signac_project_document.json").read_text())["study"] == "named"
