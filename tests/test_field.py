"""Field programmes of all protocols: functions of time with exact integrals."""

import itertools
import math

import numpy as np
import pytest
from helpers import PROTOCOLS, raw_point
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import quad

from januspore.analysis.job import READINGS
from januspore.protocols import CAPABILITIES, capabilities_of
from januspore.protocols.field import Constant, Ramp, Repeat, Sequence, SineWave, mean
from januspore.schema import state_point

fields = st.floats(-5, 5)
durations = st.floats(0.1, 50)
constants = st.builds(Constant, durations, fields)
sines = st.builds(SineWave, durations, fields, st.floats(0.1, 100), st.floats(-7, 7))
ramps = st.builds(Ramp, durations, fields, fields)
leaves = constants | ramps | sines
trees = st.recursive(
    leaves,
    lambda parts: (
        st.lists(parts, min_size=1, max_size=4).map(lambda p: Sequence(tuple(p)))
        | st.builds(Repeat, parts, st.integers(1, 3))
    ),
    max_leaves=8,
)
fractions = st.floats(0, 1)


def edges(programme):
    """Start of every leaf, and the end."""
    return [start for start, _ in programme.leaves()] + [programme.duration_ps]


@given(trees, fractions, fractions)
def test_the_integral_is_the_quadrature_of_the_value(programme, a, b):
    t0, t1 = sorted((a * programme.duration_ps, b * programme.duration_ps))
    marks = [t for t in edges(programme) if t0 < t < t1]
    pieces = zip([t0, *marks], [*marks, t1], strict=True)
    # Gauss-Kronrod on each smooth piece; a sine has 5 cycles at most in 50 ps.
    numeric = sum(quad(programme.value, *p, limit=200, epsabs=1e-10)[0] for p in pieces)
    assert programme.integral(t0, t1) == pytest.approx(numeric, abs=1e-7)


@given(trees, fractions, fractions, fractions)
def test_integrals_add_up_and_means_are_their_weighted_mean(programme, a, b, c):
    t0, t1, t2 = sorted(x * programme.duration_ps for x in (a, b, c))
    whole = programme.integral(t0, t2)
    assert whole == pytest.approx(
        programme.integral(t0, t1) + programme.integral(t1, t2), abs=1e-10
    )
    assume(t1 - t0 > 1e-6 and t2 - t1 > 1e-6)
    weighted = mean(programme, t0, t1) * (t1 - t0) + mean(programme, t1, t2) * (t2 - t1)
    assert mean(programme, t0, t2) * (t2 - t0) == pytest.approx(weighted, abs=1e-9)


@given(trees, st.integers(2, 300))
def test_means_over_all_samples_carry_the_whole_impulse(programme, samples):
    times = np.linspace(0, programme.duration_ps, samples + 1)
    steps = itertools.pairwise(times)
    impulse = math.fsum(mean(programme, t0, t1) * (t1 - t0) for t0, t1 in steps)
    assert impulse == pytest.approx(programme.integral(0, programme.duration_ps), abs=1e-9)


@given(trees, st.lists(fractions, min_size=2, max_size=6))
def test_the_value_depends_on_time_alone(programme, asked):
    times = [f * programme.duration_ps for f in asked]
    forward = [programme.value(t) for t in times]
    backward = [programme.value(t) for t in reversed(times)][::-1]
    assert forward == backward


@given(st.lists(leaves, min_size=2, max_size=6))
def test_a_boundary_belongs_to_the_segment_that_starts_there(parts):
    sequence = Sequence(tuple(parts))
    assert sequence.duration_ps == pytest.approx(sum(p.duration_ps for p in parts))
    for part, start in zip(parts, sequence.starts, strict=False):
        assert sequence.value(start) == pytest.approx(part.value(0.0), abs=1e-9)
        before_end = start + part.duration_ps * (1 - 1e-9)
        assert sequence.value(before_end) == pytest.approx(
            part.value(part.duration_ps * (1 - 1e-9)), abs=1e-6
        )
    last = parts[-1]
    assert sequence.value(sequence.duration_ps) == pytest.approx(
        last.value(last.duration_ps), abs=1e-9
    )


@given(trees, trees)
def test_nested_programmes_equal_flat_ones(one, other):
    flat = Sequence((one, other, one))
    nested = Sequence((Sequence((one, other)), one))
    assert nested.duration_ps == pytest.approx(flat.duration_ps)
    a, b = 0.21 * flat.duration_ps, 0.83 * flat.duration_ps
    assert nested.integral(a, b) == pytest.approx(flat.integral(a, b), abs=1e-9)
    assert edges(nested) == pytest.approx(edges(flat))


def test_the_integral_of_a_short_interval_of_a_sine_is_accurate():
    sine = SineWave(1e6, 1.2, 0.2)
    for t in (0.0, 1250.0, 777_777.0):
        assert mean(sine, t, t + 1e-6) == pytest.approx(sine.value(t + 5e-7), rel=1e-9, abs=1e-9)


def programme(protocol, **keys):
    raw = raw_point(protocol)
    raw["protocol"] |= keys
    return state_point(raw).protocol.programme()


def test_the_paper_s_sine_has_ten_cycles_of_5_ns_and_peaks_of_1_2():
    wave = programme("sine", amplitude_V_per_nm=1.2, frequency_GHz=0.2, cycles=10)
    assert wave.duration_ps == pytest.approx(50_000.0)
    quarters = [wave.value(5000.0 * c + 1250.0 * q) for c in (0, 9) for q in range(4)]
    assert quarters == pytest.approx([0, 1.2, 0, -1.2] * 2, abs=1e-9)
    assert wave.integral(0, 50_000.0) == pytest.approx(0.0, abs=1e-8)
    assert wave.integral(0, 2500.0) == pytest.approx(1.2 * 5000.0 / math.pi)


def test_a_triangle_has_the_sine_s_zeros_and_peaks_and_straight_lines_between():
    keys = {"amplitude_V_per_nm": 1.2, "frequency_GHz": 0.2, "cycles": 10}
    wave = programme("triangle", **keys)
    assert wave.duration_ps == pytest.approx(50_000.0)
    eighths = [wave.value(5000.0 * c + 625.0 * k) for c in (0, 9) for k in range(8)]
    assert eighths == pytest.approx([0, 0.6, 1.2, 0.6, 0, -0.6, -1.2, -0.6] * 2, abs=1e-9)
    assert wave.integral(0, 50_000.0) == pytest.approx(0.0, abs=1e-8)
    assert wave.integral(0, 2500.0) == pytest.approx(1.2 * 2500.0 / 2)


@pytest.mark.parametrize("name", ["sine", "triangle"])
def test_a_cycle_gives_the_quarter_and_the_phase_of_any_time(name):
    keys = {"amplitude_V_per_nm": 1.2, "frequency_GHz": 0.2, "cycles": 3}
    raw = raw_point(name)
    raw["protocol"] |= keys
    cycle = state_point(raw).protocol.cycle
    edges = cycle.quarter_edges(4)
    quarter = {"sine": np.sin(np.arange(5) / 4 * np.pi / 2), "triangle": np.arange(5) / 4}
    assert edges == pytest.approx(1.2 * quarter[name])
    assert cycle.phase(np.array([0.0, 1250.0, 11_250.0])) == pytest.approx([0, 0.25, 0.25])


def test_a_staircase_goes_up_and_comes_down_the_same_holds():
    stairs = programme("staircase", holds_V_per_nm=[0.1, 0.5, 1.0], hold_ps=50.0)
    assert stairs.duration_ps == pytest.approx(6 * 50.0)
    held = [stairs.value(t) for t in np.arange(25.0, 300.0, 50.0)]
    assert held == [0.1, 0.5, 1.0, 1.0, 0.5, 0.1]
    assert [leaf.label for _, leaf in stairs.leaves()] == ["forward"] * 3 + ["reverse"] * 3


def test_steps_settle_and_then_go_up_and_down():
    steps = programme("steps", low_V_per_nm=0.2, high_V_per_nm=1.0, up_ps=10.0, down_ps=20.0)
    assert steps.duration_ps == pytest.approx(20.0 + 3 * 30.0)
    assert [leaf.label for _, leaf in steps.leaves()] == ["settle"] + ["up", "down"] * 3
    held = [steps.value(start + 1.0) for start, _ in steps.leaves()]
    assert held == [0.2] + [1.0, 0.2] * 3


@pytest.mark.parametrize("preparation_ps", [0.0, 20.0])
def test_a_train_has_its_pulses_with_rests_between_and_none_after(preparation_ps):
    keys = {"preparation_V_per_nm": 2.0, "pulse_V_per_nm": 0.7, "rest_V_per_nm": 0.5}
    keys |= {"preparation_ps": preparation_ps, "pulse_ps": 2.0, "delay_ps": 5.0, "pulses": 7}
    train = programme("pulse_train", **keys)
    assert train.duration_ps == pytest.approx(preparation_ps + 7 * 2.0 + 6 * 5.0)
    impulse = preparation_ps * 2.0 + 7 * 2.0 * 0.7 + 6 * 5.0 * 0.5
    assert train.integral(0, train.duration_ps) == pytest.approx(impulse)
    labels = [leaf.label for _, leaf in train.leaves()]
    assert labels.count("pulse") == 7
    assert labels.count("rest") == 6
    assert labels[-1] == "pulse"


@pytest.mark.parametrize("snapshots", [1, 2, 15])
def test_an_equilibration_is_field_free_and_lasts_until_its_last_snapshot(snapshots):
    raw = raw_point("equilibrate")
    relax = state_point(raw).protocol.programme(snapshots)
    assert relax.duration_ps == pytest.approx(20.0 + (snapshots - 1) * 5.0)
    assert relax.integral(0, relax.duration_ps) == 0.0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_a_whole_number_of_samples(name):
    protocol = state_point(raw_point(name)).protocol
    samples = protocol.programme().duration_ps / protocol.recording.sample_interval_ps
    assert samples == pytest.approx(round(samples), abs=1e-6)
    assert samples >= 1
    # The driver integrates each segment in whole samples.
    starts = [t / protocol.recording.sample_interval_ps for t, _ in protocol.programme().leaves()]
    assert starts == pytest.approx(np.round(starts), abs=1e-6)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_capabilities_by_name_equal_those_of_the_protocol(name):
    protocol = state_point(raw_point(name)).protocol
    views = {view for view in CAPABILITIES if getattr(protocol, view) is not None}
    assert protocol.capabilities() == capabilities_of(name) == views
    # Each record has one analysis, except for equilibrations, which have none.
    assert len(views & READINGS.keys()) == (name != "equilibrate")
    assert ("starts_from" in views) != ("snapshots" in views)


def test_an_unknown_protocol_name_has_no_capability():
    assert capabilities_of("sinus") == frozenset()


def test_a_barrier_holds_each_field_for_all_of_its_windows():
    protocol = state_point(raw_point("barrier")).protocol
    programme, windows = protocol.programme(), 3
    held = windows * (protocol.settle_ps + protocol.window_ps)
    assert programme.duration_ps == pytest.approx(protocol.approach_ps + 2 * held)
    assert programme.value(0.0) == 0.3
    assert programme.value(protocol.approach_ps + held - 1.0) == 0.3
    assert programme.value(protocol.approach_ps + held + 1.0) == 0.5
