"""The current's first harmonic: planted parts in and out of phase are recovered and covered."""

import numpy as np
import pytest
from planted import planted_rows
from planted_currents import crossing_tables
from test_pulses import ensemble_of

from januspore.analysis.admittance import admittance, in_and_out_of_phase
from januspore.analysis.current import current_interval
from januspore.analysis.cycle import PHASES, fundamental, harmonic
from januspore.products.ie_curve import make
from januspore.units import E_PER_PS

PHASE = 2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES
SINE = {"name": "sine", "amplitude_V_per_nm": 1.2, "frequency_GHz": 50.0, "cycles": 2}


def test_amplitudes_of_a_planted_harmonic_are_recovered():
    planted = np.array([[3.0, -2.0], [0.0, 1.0]])
    higher = 7.0 * np.sin(3 * PHASE) + 5.0 * np.cos(2 * PHASE) + 11.0
    assert fundamental(harmonic(planted) + higher) == pytest.approx(planted)


def test_late_sampling_is_distinguished_from_a_lag():
    late = 0.02
    assert fundamental(np.sin(PHASE + 2 * np.pi * late)[None], late) == pytest.approx(
        np.array([[1.0, 0.0]])
    )


@pytest.mark.parametrize(
    ("ahead_nA", "word"), [(-150.0, "lags behind"), (150.0, "leads"), (0.0, "not significant")]
)
def test_planted_currents_in_phase_and_out_of_phase_are_recovered(tmp_path, ahead_nA, word):
    def rows(point, rng):
        def current(time):
            turn = 2 * np.pi * time / point.protocol.period_ps
            return 300.0 * np.sin(turn) + ahead_nA * np.cos(turn)

        still = {"current_at": current, "waters": 2, "noise_e_nm": 0.005}
        return planted_rows(point, None, lambda e: 1.0, rng, **still), []

    ensemble = ensemble_of(tmp_path, SINE, rows, seeds=8)
    content = make(ensemble)
    voltage = SINE["amplitude_V_per_nm"] * float(ensemble.model.box[0])
    for name, truth in (
        ("in-phase current_nA", 300.0),
        ("out-of-phase current_nA", ahead_nA),
        ("conductance_nS", 300.0 / voltage),
        ("susceptance_nS", ahead_nA / voltage),
    ):
        value, low, high = content.findings[f"pore slab, {name}"]
        # The error exceeds the width of a 95 % interval in 1 of 700 cases.
        assert abs(value - truth) < high - low + 0.01 * abs(truth), name
    told = content.findings["verdict"]
    assert told.startswith("conducts") and "50 GHz" in told and word in told


def test_one_seed_and_a_pore_without_ions_give_no_conductance(tmp_path):
    for folder in ("none", "one"):
        (tmp_path / folder).mkdir()

    def silent(point, rng):
        rows = planted_rows(point, lambda e, r: 0.0, lambda e: 1.0, rng, waters=2, noise_e_nm=1e-4)
        return rows, []

    none = make(ensemble_of(tmp_path / "none", SINE, silent, seeds=3))
    _, low, high = none.findings["pore slab, conductance_nS"]
    # No ion crossed, so the interval contains the bound of 3.7 charges.
    assert low < -1 and high > 1
    assert none.findings["verdict"].startswith("no current in phase with the field")
    one = make(ensemble_of(tmp_path / "one", SINE, lambda p, r: (driven(p, r), []), seeds=1))
    assert one.findings["verdict"] == "not enough data: one seed gives no interval"


def test_a_cycle_with_fewer_samples_than_phases_has_no_first_harmonic(tmp_path):
    fast = SINE | {"frequency_GHz": 500.0}
    content = make(ensemble_of(tmp_path, fast, lambda p, r: (driven(p, r), []), seeds=2))
    assert content.findings["verdict"] == "not enough data: a phase of the cycle has no sample"
    assert np.isnan(content.findings["pore slab, conductance_nS"]).all()


def driven(point, rng):
    return planted_rows(point, lambda e, r: 900.0 * e, lambda e: 1.0, rng, waters=2)


@pytest.mark.parametrize("seeds", [4, 8])
@pytest.mark.parametrize("charges", [8.0, 80.0])
def test_intervals_of_conductance_and_susceptance_cover(seeds, charges):
    """Ions cross along the field and against it, a sixth of a cycle behind the field."""
    rng, repeats, covered, bin_ps, length_nm = np.random.default_rng(7), 250, np.zeros(2), 0.2, 3.0
    rates = charges / PHASES * np.array([1 + np.sin(PHASE - 1.0), 1 - np.sin(PHASE - 1.0)])
    # The part in phase is 2 sin(phase) cos(1), the part behind it 2 cos(phase) sin(1).
    amplitude = 2 * charges / PHASES * E_PER_PS / (bin_ps * seeds) / (1.2 * length_nm)
    truth = amplitude * np.array([np.cos(1.0), -np.sin(1.0)])
    for _ in range(repeats):
        tables = crossing_tables(rng, seeds, rates[0], bin_ps, back=rates[1], dipping=0)
        found = current_interval(tables, lambda t: admittance(t, length_nm))
        covered += (found.low <= truth) & (truth <= found.high)
    # Nominal 95 % with a standard error of 1.4 % for 250 repeats; few counts cover more.
    assert (covered / repeats >= 0.91).all(), covered / repeats


def test_a_triangles_field_counts_by_its_own_harmonic():
    """A conductance is the same under any periodic field."""
    triangle = 2 / np.pi * np.arcsin(np.sin(PHASE))[None]
    ones = np.ones_like(triangle)
    tables = {"charge": 30.0 * triangle, "time": ones, "field": 1.5 * triangle}
    assert admittance(tables, 2.0) == pytest.approx(np.array([[10.0, 0.0]]))
    assert in_and_out_of_phase(tables)[0, 0] == pytest.approx(30.0 * 8 / np.pi**2, rel=0.01)
