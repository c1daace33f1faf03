"""The compact device: fits recover planted devices, predictions, export, and ngspice."""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from helpers import tiny_point
from planted import plant, planted_rows
from planted_device import FIELDS, LENGTH, POINT, planted, truth
from scipy.integrate import solve_ivp

from januspore.__main__ import main
from januspore.analysis.statistics import Interval
from januspore.device.export import as_json, identifier, spice, verilog_a
from januspore.device.fit import CurrentFit, OrderFit, Parameters, times_of
from januspore.device.fitted import BACK, CONDUCTANCE, MEMORY, fit_device
from januspore.device.model import Device, Table, settled_loop
from januspore.device.predict import areas, compare
from januspore.device.runs import run_of, unfitted_of
from januspore.errors import InputError
from januspore.protocols.field import Constant, Sequence, SineWave
from januspore.schema import with_seed
from januspore.space.dataspace import dump, open_project

STEPS = tiny_point("steps", high_V_per_nm=1.2, up_ps=10.0, down_ps=20.0, repeats=6)


def linear(tau=5.0, memory_nS=-20.0):
    """A device whose order is proportional to the field, with one time."""
    order = Table((-1.0, 1.0), (-0.8, 0.8))
    return Device(3.0, order, *[Table((0.0,), (tau,))] * 2, Table((0.0,), (50.0,)), memory_nS)


@pytest.fixture(scope="module")
def fitted():
    """A device fitted to a staircase and steps of the planted device."""
    runs = [run_of(planted(truth(), point)) for point in (POINT, STEPS)]
    return fit_device("planted 0.85 nm", LENGTH, runs)


def test_held_fields_relax_exponentially_and_branch_by_the_way():
    device = truth()
    programme = Sequence((Constant(30.0, 1.2), Constant(30.0, 0.6)))
    t = np.array([1.0, 5.0, 29.9, 31.0, 38.0])
    s = device.solve(programme, t)
    top, low = 0.75, 0.45
    up = top + (0.1 - top) * np.exp(-t[:3] / 2.0)
    down = low + (top - low) * np.exp(-(t[3:] - 30) / 4.0)
    assert s == pytest.approx(np.concatenate([up, down]), abs=1e-5)
    assert device.solve(programme, t, start=0.75)[0] == pytest.approx(0.75, abs=1e-6)


def adaptive(device, wave, times):
    """s by scipy's solve_ivp."""

    def slope(t, s):
        return device.rate(wave.value(t), s)

    ends = (0.0, wave.duration_ps)
    # Short steps, as interpolation within a step is inaccurate where tau jumps.
    many = {"method": "RK45", "rtol": 1e-6, "atol": 1e-8, "max_step": wave.duration_ps / 4000}
    return solve_ivp(slope, ends, [device.relaxed()], t_eval=times, **many).y[0]


def test_waves_are_integrated_as_an_adaptive_integrator_does():
    device = truth()
    for f in (5.0, 40.0):
        wave = SineWave(2e3 / f, 1.2, f)
        t = np.linspace(0, wave.duration_ps, 173)
        assert device.solve(wave, t) == pytest.approx(adaptive(device, wave, t), abs=1e-3)


def test_without_a_field_the_current_is_zero_for_any_order():
    device = truth()
    s = np.linspace(-1, 1, 9)
    assert (device.current(np.zeros(9), s) == 0).all()
    for f in (5.0, 50.0):
        loop = settled_loop(device, SineWave(1000 / f, 1.2, f))
        near = np.abs(loop.field_V_per_nm) < 1e-9
        assert near.sum() >= 2 and np.abs(loop.current_nA[near]).max() < 1e-6


def test_the_loop_is_widest_near_omega_tau_one_and_closes_far_from_it():
    """s is linear in the field, so its loop's area is omega tau / (1 + (omega tau)^2)."""
    tau, device = 5.0, linear()
    omega_tau = np.geomspace(0.05, 20, 25)
    order, current = [], []
    for wt in omega_tau:
        f = 1e3 * wt / (2 * np.pi * tau)
        loop = settled_loop(device, SineWave(1e3 / f, 1.0, f), cycles=8)
        order.append(loop.area(loop.order))
        current.append(abs(loop.area(loop.current_nA)))
    expected = np.pi * 0.8 * omega_tau / (1 + omega_tau**2)
    # The formula does not hold exactly: at high frequencies s crosses 0 late, and at low ones the
    # first cycles have not decayed.
    assert np.array(order) == pytest.approx(expected, rel=0.02, abs=0.01)
    for areas_seen in (order, current):
        best = omega_tau[int(np.argmax(areas_seen))]
        assert 0.5 < best < 2.0
        assert max(areas_seen) > 5 * max(areas_seen[0], areas_seen[-1])


def test_a_planted_device_is_recovered(fitted):
    true = truth()
    found = fitted.intervals
    for e in FIELDS:
        value, low, high = found[f"s_inf at {e:g} V/nm"]
        assert value == pytest.approx(float(true.order.at(e)), abs=0.02) and low < value < high
    for way, tau in (("forward", 2.0), ("back", 4.0)):
        values = [v for key, v in found.items() if key.startswith(f"tau_{way}")]
        assert len(values) == 2
        for value, low, high in values:
            assert value == pytest.approx(tau, rel=0.25) and low < high < 3 * low
    for e, g in ((0.6, 60.0), (1.2, 40.0)):
        assert found[f"g at {e:g} V/nm (nS)"][0] == pytest.approx(g, rel=0.05)
    assert found["m (nS)"][0] == pytest.approx(-60.0, rel=0.25)
    assert not fitted.whole and not fitted.partial
    assert 0.5 < fitted.chi_square < 2.0


def test_runs_that_were_not_fitted_are_compared_with_the_prediction(fitted):
    points = {
        "sine": tiny_point("sine", amplitude_V_per_nm=1.2, frequency_GHz=20.0, cycles=4),
        "paired_pulse": tiny_point("paired_pulse"),
        "pulse_train": tiny_point("pulse_train"),
    }
    found = {
        (name, one.quantity): one
        for name, point in points.items()
        for one in compare(fitted, unfitted_of(planted(truth(), point)))
    }
    loop = found["sine", "order"]
    assert loop.explained > 0.98 and loop.bins == 40 and loop.rms < 0.04
    assert loop.area[0] == pytest.approx(loop.seen_area[0], rel=0.2)
    # Both lobes add up; with opposite signs they would cancel. Bins reduce the area a little.
    whole = settled_loop(truth(), SineWave(50.0, 1.2, 20.0))
    assert loop.area[0] == pytest.approx(whole.area(whole.order), rel=0.3)
    current = found["sine", "current (nA)"]
    assert current.explained > 0.95
    assert current.area[0] == pytest.approx(current.seen_area[0], rel=0.3)
    assert found["paired_pulse", "order"].rms < 0.04
    assert found["pulse_train", "order"].bins == 7
    assert "explains" in loop.in_words() and "loop area" in loop.in_words()


def test_a_wrong_device_predicts_badly_and_its_number_says_so(fitted):
    wrong = replace(fitted, times={way: Table((0.0,), (200.0,)) for way in fitted.times})
    point = tiny_point("sine", amplitude_V_per_nm=1.2, frequency_GHz=20.0, cycles=4)
    seen = unfitted_of(planted(truth(), point))
    good, bad = compare(fitted, seen)[0], compare(wrong, seen)[0]
    assert bad.chi_square > 100 * good.chi_square and bad.inside < 0.3


def test_chi_square_is_about_1_for_the_true_device_with_two_seeds(fitted):
    """A mean of ratios diverges: by chance the two seeds nearly agree in some bins."""
    point = tiny_point("sine", amplitude_V_per_nm=1.2, frequency_GHz=20.0, cycles=4)
    order, current = compare(fitted, unfitted_of(planted(truth(), point, seeds=2)))
    assert 0.2 < order.chi_square < 5 and 0.2 < current.chi_square < 5


def test_a_prediction_beyond_the_fields_held_says_so(fitted):
    point = tiny_point("sine", amplitude_V_per_nm=2.0, frequency_GHz=20.0, cycles=1)
    beyond = compare(fitted, unfitted_of(planted(truth(), point)))[0]
    assert beyond.beyond_V_per_nm > 1.2
    assert "beyond the fields that were held" in beyond.in_words()
    point = tiny_point("sine", amplitude_V_per_nm=1.2, frequency_GHz=20.0, cycles=1)
    assert compare(fitted, unfitted_of(planted(truth(), point)))[0].beyond_V_per_nm is None


# --- parameters that the data do not fix --------------------------------------------------------


def test_a_memory_whose_interval_contains_0_has_a_range_and_no_value():
    device = truth(memory_nS=0.0)
    runs = [run_of(planted(device, POINT, current_noise=400.0))]
    found = fit_device("planted", LENGTH, runs)
    assert found.memory_nS is None
    (own,) = (u for u in found.whole if u.name == MEMORY)
    assert own.low < 0 < own.high
    assert len(found.corners()) == 2
    text = spice(found)
    assert f".param {MEMORY}_min=" in text and f".param {MEMORY}_max=" in text
    assert f"({{{MEMORY}}})" in text and f".param {MEMORY}=0" not in text
    assert f"{MEMORY} = " not in verilog_a(found)
    with pytest.raises(KeyError, match=MEMORY):
        found.chosen()


def test_a_time_longer_than_the_holds_has_a_range_and_no_value():
    point = tiny_point("staircase", holds_V_per_nm=[0.6, 1.2], hold_ps=4.0)
    found = fit_device("planted", LENGTH, [run_of(planted(truth(back_ps=80.0), point))])
    assert found.times["back"] is None
    (own,) = (u for u in found.whole if u.name == BACK)
    assert own.low < own.high and "no step fixes it" in own.why
    assert f"{{{BACK}}}" in spice(found) and f"{BACK}_max" in verilog_a(found)


@pytest.mark.parametrize(
    ("low", "high", "fixed", "why"),
    [
        (1.0, 4.0, True, ""),
        (0.5, 6.0, False, "spans a factor of 12"),
        (0.05, 0.2, False, "beyond the times that the holds resolve"),
        (30.0, 80.0, False, "beyond the times that the holds resolve"),
        (np.nan, np.nan, False, "one seed"),
    ],
)
def test_a_time_is_fixed_only_by_a_narrow_interval_within_the_resolved_times(low, high, fixed, why):
    parameters = Parameters((0.0, 1.2), (("forward", 1.2),), ((0,),), np.array([[0.05, 80.0]]))
    ends = [np.array([0.1, 0.7, np.log(v)]) for v in (2.0, low, high)]
    found = times_of(OrderFit(parameters, Interval(*ends), 1.0), "forward")
    assert (found.table is not None) == fixed and bool(found.unfixed) != fixed
    for own in found.unfixed:
        assert why in own.why and 0.05 <= own.low < own.high <= 80.0


def test_a_pore_that_no_ion_passed_has_a_bound_or_the_mean_force_s_current():
    closed = replace(truth(), conductance_nS=Table((0.0,), (0.0,)), memory_nS=0.0)
    runs = [run_of(planted(closed, POINT, current_noise=0.0))]
    found = fit_device("planted", LENGTH, runs)
    assert found.conductance is None
    (own,) = found.whole
    assert own.name == CONDUCTANCE and own.low == 0.0 < own.high
    assert own.why.startswith("0 ions passed in 480 ps")
    forced = fit_device("planted", LENGTH, runs, {1.2: [0.02, 0.01, 0.05]})
    volts = 1.2 * LENGTH
    assert forced.intervals["g at 1.2 V/nm (nS)"] == pytest.approx(
        [0.02 / volts, 0.01 / volts, 0.05 / volts]
    )
    assert MEMORY in {u.name for u in forced.whole}


def test_one_seed_is_refused_in_one_line():
    with pytest.raises(InputError, match="two seeds") as told:
        fit_device("planted", LENGTH, [run_of(planted(truth(), STEPS, seeds=1))])
    assert "\n" not in str(told.value) and "init.py" in str(told.value)


def test_runs_without_currents_have_no_conductance():
    assert np.isnan(CurrentFit().memory).all()


# --- export -------------------------------------------------------------------------------------


def test_json_contains_all_of_a_device(fitted):
    data = json.loads(as_json(fitted, ["one"], {"loop_areas": areas(fitted)}))
    assert data["s_inf"]["fields_V_per_nm"] == list(FIELDS) and data["mirrored"]
    assert data["intervals"].keys() == fitted.intervals.keys()
    best = max(data["loop_areas"], key=lambda row: row["order"][0])
    omega_tau = 2 * np.pi * best["frequency_GHz"] * 1e-3 * np.array([2.0, 4.0])
    assert omega_tau[0] / 2 < 1 < omega_tau[1] * 2


def test_the_verilog_a_tables_equal_those_of_the_device(fitted):
    """Except for conditions its expressions are valid Python, which is evaluated here."""
    text, device = verilog_a(fitted), fitted.chosen()
    lines = dict(
        line.strip().rstrip(";").split(" = ", 1)
        for line in text.splitlines()
        if line.strip().startswith(("goal =", "forward =", "back =", "g ="))
    )
    tables = {
        "goal": device.order,
        "forward": device.forward_ps,
        "back": device.back_ps,
        "g": device.conductance_nS,
    }
    for key, table in tables.items():
        for e in np.linspace(-2, 2, 41):
            assert _value(lines[key], float(e)) == pytest.approx(float(table.at(e)), abs=1e-6)


def _value(text, field):
    """Value of nested conditions (E < a) ? b : (c)."""
    while text.startswith("(E < "):
        limit, rest = text.removeprefix("(E < ").split(") ? ", 1)
        now, other = rest.split(" : ", 1)
        text = now if field < float(limit) else other.removeprefix("(").removesuffix(")")
    return eval(text, {}, {"E": field})


@pytest.mark.ngspice
@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
@pytest.mark.parametrize("frequency_GHz", [5.0, 40.0])
def test_ngspice_agrees_with_python_to_one_per_cent(fitted, tmp_path, frequency_GHz):
    device, period = fitted.chosen(), 1e3 / frequency_GHz
    volts = 1.2 * LENGTH
    (tmp_path / "device.cir").write_text(spice(fitted))
    (tmp_path / "run.cir").write_text(
        f"""compared with Python
.include device.cir
Vin in 0 sin(0 {volts:.9g} {frequency_GHz}g)
Xpore in 0 {identifier(fitted.name)}
.tran {period / 1000:.6g}p {2 * period:.6g}p 0 {period / 1000:.6g}p
.control
run
wrdata out.txt v(xpore.s) i(Vin)
quit
.endc
.end
"""
    )
    done = subprocess.run(
        ["ngspice", "-b", "run.cir"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (tmp_path / "out.txt").exists(), done.stdout + done.stderr
    seconds, order, _, amperes = np.loadtxt(tmp_path / "out.txt").T
    t = seconds * 1e12
    programme = SineWave(2 * period, 1.2, frequency_GHz)
    times = np.linspace(0, 2 * period, 1001)
    s = np.interp(t, times, adaptive(device, programme, times))
    field = np.array([programme.value(at) for at in t])
    nA = device.current(field, s)
    assert np.abs(order - s).max() < 0.01 * np.abs(s).max()
    assert np.abs(-1e9 * amperes - nA).max() < 0.01 * np.abs(nA).max()
    assert np.abs(nA).max() > 10.0


# --- the command --------------------------------------------------------------------------------

CELL = "protocol.cell.repeats_y=6"


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A data space with staircases of two pores and one barrier."""
    root = tmp_path_factory.mktemp("space")
    project = open_project(root)
    points = [tiny_point("staircase", holds_V_per_nm=[0.6, 1.2], hold_ps=10.0)]
    wide = {"repeats_y": 7, "repeats_z": 4, "reservoir_nm": 1.5, "pore_diameter_nm": 1.1}
    points.append(tiny_point("staircase", holds_V_per_nm=[0.6], hold_ps=5.0, cell=wide))
    for point in points:
        for seed in range(2):
            job = project.open_job(dump(with_seed(point, seed))).init()
            rng = np.random.default_rng(seed)
            rows = planted_rows(point, lambda e, r: 300.0 * e, lambda e: 1.2 - 0.6 * e, rng)
            plant(job, rows)
    project.open_job(dump(tiny_point("barrier", "neutral"))).init()
    return root


def asked(capsys, root, *words):
    status = main(["--project", str(root), "device", *words])
    return status, capsys.readouterr()


def test_the_command_writes_a_subcircuit_and_says_what_is_not_fixed(space, capsys):
    status, said = asked(capsys, space, "--charges", "mosse", CELL)
    assert status == 0, said.err
    (path,) = (space / "devices").glob("*.cir")
    assert ".subckt januspore_mosse_0_85_nm p n" in path.read_text()
    assert "s_inf at 1.2 V/nm" in said.out and "not fixed" in said.out
    assert "predicts: no sine and no pulses" in said.out and str(path) in said.out
    out = space / "own" / "device.json"
    words = ("--charges", "MoSSe", CELL, "--export", "json", "--output", str(out))
    assert asked(capsys, space, *words)[0] == 0
    assert json.loads(out.read_text())["jobs"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--charges", "WS2"), "names in this data space: MoSSe, neutral"),
        (("--charges", "MoSSe"), "2 cells (pore 0.85 nm"),
        (("--charges", "neutral"), "no relaxation data"),
        (("--charges", "MoSSe", "protocol.nothing=1"), "no job has this key"),
    ],
)
def test_missing_data_are_named_in_one_line(space, capsys, words, told):
    status, said = asked(capsys, space, *words)
    assert status == 2 and told in said.err
    assert said.err.count("\n") == 1 and said.err.startswith("error: ")
