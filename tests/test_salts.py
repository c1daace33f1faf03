"""Another salt and another monolayer, from `init.py` to their figures, without new code."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from barrier_ensembles import ensemble_of, point, rows_of
from helpers import TINY, raw_point
from planted import make_products, planted_space

from januspore.__main__ import main
from januspore.analysis.barrier import way_of
from januspore.engines.stretch import Observed, Sample
from januspore.errors import InputError
from januspore.materials import SALTS, label_of
from januspore.model.builder import build_state
from januspore.model.forcefield import SPECIES as NAMES
from januspore.model.system import build_model
from januspore.products import PRODUCTS, barrier, ie_curve
from januspore.products.ensemble import Ensemble
from januspore.products.results import product_table, results
from januspore.protocols import Recording
from januspore.report.collect import Made, products_made
from januspore.report.summary import found
from januspore.schema import state_point
from januspore.simulate.record import read_record, write_record
from januspore.simulate.recorder import Recorder
from januspore.space.varying import Varying

STUDY = """
[cell]
repeats_y = 6
repeats_z = 4
reservoir_nm = 1.5
salt = "NaCl"
[force_field]
generic_lennard_jones = true
[dynamics]
timestep_fs = 2.0
cutoff_nm = 0.9
[equilibration]
count = 2
[[charge_sets]]
W = 1.06
S = -0.61
Se = -0.45
[[protocols]]
name = "sine"
frequency_GHz = 1.0
cycles = 1
seeds = "0:2"
[[protocols]]
name = "staircase"
holds_V_per_nm = [0.5, 1.0]
hold_ps = 20.0
seeds = "0:2"
[[protocols]]
name = "steps"
high_V_per_nm = 1.2
up_ps = 5.0
down_ps = 5.0
repeats = 2
seeds = "0:2"
[[protocols]]
name = "pulse_train"
mode = "depression"
preparation_V_per_nm = 0.0
preparation_ps = 0.0
pulse_V_per_nm = 1.0
pulse_ps = 5.0
rest_V_per_nm = 0.0
delay_ps = 2.0
pulses = 3
seeds = "0:2"
"""


def salted(salt, protocol="sine", **keys):
    raw = raw_point(protocol)
    raw["protocol"] |= {"cell": TINY["cell"] | {"salt": salt}, "dynamics": TINY["dynamics"]} | keys
    return state_point(raw)


@pytest.mark.parametrize("salt", SALTS)
def test_a_cell_holds_the_salt_s_ions_and_is_neutral(salt):
    model = build_model(salted(salt))
    cation, anion = SALTS[salt].charges
    mobile = {NAMES[i] for i in model.type_id[~model.frozen]}
    assert mobile == {cation, anion, "O", "H"}
    assert len(model.indices(cation)) == len(model.indices(anion)) > 0
    assert model.charge.sum() == pytest.approx(0.0, abs=1e-9)
    assert (model.charge[model.indices(cation)] == 1.0).all()


def test_more_water_fits_beside_smaller_ions():
    assert len(build_model(salted("NaCl")).waters) > len(build_model(salted("KCl")).waters)


def test_the_default_salt_is_left_out_of_the_state_point():
    point = salted("KCl")
    assert "salt" not in point.model_dump()["protocol"]["cell"]
    assert salted("NaCl").model_dump()["protocol"]["cell"]["salt"] == "NaCl"


def test_an_unknown_salt_or_ion_is_named():
    with pytest.raises(InputError, match=r"cell.salt = 'KBr': must be one of KCl, NaCl, LiCl"):
        salted("KBr")
    with pytest.raises(InputError, match=r"ion = 'K': must be 'Na' or 'Cl', as cell.salt is"):
        salted("NaCl", "barrier", ion="K")
    assert salted("NaCl", "barrier", ion="Na").protocol.windows.ion == "Na"
    assert (way_of("Na", 0.3), way_of("Li", -0.3), way_of("Cl", 0.3)) == (1, -1, -1)


def test_a_record_has_the_ions_of_the_salt(tmp_path):
    model = build_model(salted("NaCl"))
    state = build_state(model, np.random.default_rng(0))
    recorder = Recorder(model, Recording(), 0.002)
    recorder.begin(state)
    moved = state.positions.copy()
    moved[model.indices("Na"), 0] += 0.01
    recorder.sample(Sample(50, 0.0, Observed(moved)))
    rows = recorder.drain()
    assert rows.ions == ("Na", "Cl")
    assert rows["Na_cell_e_nm"][0] == pytest.approx(0.01 * len(model.indices("Na")))
    assert rows["Cl_cell_e_nm"][0] == 0.0
    write_record(tmp_path / "record.h5", rows, {})
    assert read_record(tmp_path / "record.h5")[0].ions == ("Na", "Cl")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return planted_space(tmp_path_factory.mktemp("salts"), STUDY, lambda e, _: 400.0 * e)


def test_figures_and_tables_name_the_ions_of_the_salt(project):
    make_products(list(project.find_jobs({"protocol.name": "sine"})))
    for name in ("ie_curve", "ndr"):
        assert set(product_table(project, name).species) == {"total", "Na", "Cl"}
    assert set(product_table(project, "hydration").species) == {"Na", "Cl", "water"}
    assert {"Na_crossings_forward", "Cl_in_pore"} <= set(results(project).columns)


@pytest.mark.parametrize(
    ("name", "product"), [("steps", "step_relaxation"), ("pulse_train", "pulse_train")]
)
def test_other_protocols_have_their_products(project, name, product):
    jobs = list(project.find_jobs({"protocol.name": name}))
    assert make_products(jobs) == {product, "potential"}


def test_the_barrier_of_another_cation_is_recovered_and_named():
    held = point(ion="Na", cell=TINY["cell"] | {"salt": "NaCl"})
    content = barrier.make(ensemble_of(held, 4))
    (row,) = rows_of(
        content.table, "barrier", "total_without_field", 0.7, "without field"
    ).itertuples()
    assert abs(row.value - (25 + 60 * 0.7)) < 2 * (row.high - row.value)
    assert content.figure.get_suptitle().startswith("Na+ in MoSSe, salt NaCl")


def test_the_terminal_s_table_and_the_summary_name_its_elements_and_ions(project, capsys):
    assert main(["--project", project.path, "results", "protocol.name=sine"]) == 0
    header = capsys.readouterr().out.splitlines()[0].split()
    assert {"W", "Na_crossings_forward", "Cl_crossings_backward"} <= set(header)
    product = next(p for p in PRODUCTS if p.name == "steady_current")
    product.run(*project.find_jobs({"protocol.name": "staircase"}))
    (sentence,) = [s for s in found(products_made(project), []) if s.startswith("share of")]
    assert sentence.startswith("share of Na+ in the steady current: ")


def test_a_legend_names_the_salt_with_its_concentration():
    cell = TINY["cell"] | {"salt": "NaCl", "salt_mol_per_L": 3.0}
    assert Varying({}).legend(salted("NaCl", cell=cell).protocol) == "3 mol/L NaCl"
    assert Varying({}).legend(salted("NaCl").protocol) == "salt NaCl"


def test_ions_have_their_sign_in_figures(project):
    ensemble = Ensemble.of(list(project.find_jobs({"protocol.name": "sine"})))
    axes = ie_curve.make(ensemble).figure.axes
    titles = [axis.get_legend().get_title().get_text() for axis in axes]
    assert any(title.startswith("pore slab, Na+ and Cl-") for title in titles)
    assert [label_of(name) for name in ("Li", "W", "O", "total")] == ["Li+", "W", "O", "total"]


def test_the_summary_names_the_ion_that_was_held():
    findings = {"E = 0.7 V/nm, PMF from first to last window (kJ/mol)": [209.0, 37.0, 381.0]}
    charges = {"material": "WSSe", "W": 1.06, "S": -0.61, "Se": -0.45}
    held = {"name": "barrier", "ion": "Na"}
    made = Made("barrier", (charges,), held, findings, pd.DataFrame(), Path(), ())
    (sentence,) = found([made], [])
    assert sentence.startswith("PMF of the held Na+ at 0.7 V/nm: WSSe")


def test_the_cation_s_share_is_that_planted(project):
    jobs = list(project.find_jobs({"protocol.name": "staircase"}))
    product = next(p for p in PRODUCTS if p.name == "steady_current")
    product.run(*jobs)
    table = product_table(project, "steady_current")
    assert set(table.species) == {"total", "Na", "Cl"}
    slab = table[table.estimator == "pore slab"]
    each = [slab[slab.species == ion].current_nA.to_numpy() for ion in ("Na", "Cl")]
    assert each[0] == pytest.approx(each[1], rel=0.2)
