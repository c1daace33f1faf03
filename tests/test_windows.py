"""The path of the held ion's tether: every window of every field once, without jumps."""

import numpy as np
import pytest
from helpers import raw_point
from hypothesis import given
from hypothesis import strategies as st

from januspore.protocols import Barrier
from januspore.protocols.windows import Path
from januspore.schema import state_point


def barrier(**keys) -> Barrier:
    raw = raw_point("barrier")
    raw["protocol"] |= {"approach_ps": 2.0, "settle_ps": 1.0, "window_ps": 3.0, **keys}
    protocol = state_point(raw).protocol
    assert isinstance(protocol, Barrier)
    return protocol


barriers = st.builds(
    lambda positions, fields, approach, charging, settle, window: barrier(
        positions_nm=sorted(positions),
        fields_V_per_nm=fields,
        approach_ps=approach / 10,
        charging_ps=charging / 10,
        settle_ps=settle / 10,
        window_ps=window / 10,
    ),
    st.lists(st.integers(-30, 30).map(lambda i: i / 10), min_size=2, max_size=6, unique=True),
    st.lists(st.sampled_from([0.0, 0.3, 0.5, -0.7]), min_size=1, max_size=4, unique=True),
    st.integers(1, 40),
    st.integers(0, 40),
    st.integers(1, 40),
    st.integers(1, 60),
)


def intervals(protocol):
    sample = protocol.recording.sample_interval_ps
    count = round(protocol.programme().duration_ps / sample)
    return [(k * sample, (k + 1) * sample) for k in range(count)]


def test_each_window_starts_from_its_neighbour_s_end():
    order = [(w.field, w.position) for w in barrier(fields_V_per_nm=[0.3, 0.5, 0.7]).windows.visits]
    assert order == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (2, 0), (2, 1), (2, 2)]


def test_windows_after_the_first_need_no_approach():
    protocol = barrier(positions_nm=[-0.3, 0.0, 0.3], fields_V_per_nm=[0.3, 0.7])
    assert protocol.simulated_ps() == pytest.approx(2.0 + 6 * (1.0 + 3.0))
    assert protocol.separate_ps() == pytest.approx(6 * (2.0 + 0.5 + 3.0))


def test_every_field_charges_before_its_first_window():
    protocol = barrier(fields_V_per_nm=[0.3, -0.5], charging_ps=7.0)
    field, length = protocol.programme(), 3 * (1.0 + 3.0)
    assert protocol.simulated_ps() == pytest.approx(2.0 + 2 * (7.0 + length))
    path = Path(protocol.windows, (0.2, 0.9))
    changes = [0.0, 2.0 + 7.0 + length]
    assert [field.value(t + 1e-6) for t in changes] == [0.3, -0.5]
    for change, approach in zip(changes, (2.0, 0.0), strict=True):
        first = min(
            t0 for t0, t1 in intervals(protocol) if t0 > change and path.sampled(t0, t1) >= 0
        )
        assert first - change == pytest.approx(approach + 7.0 + 1.0, abs=0.11)
        # Meanwhile the ion is held at the first window.
        at = [path.at(change + approach + t)[0] for t in np.linspace(0.01, 7.0, 9)]
        assert at == pytest.approx([protocol.positions_nm[0 if change == 0 else -1]] * 9)
    assert protocol.windows.charged_ps == 8.0
    assert barrier(fields_V_per_nm=[0.3], charging_ps=7.0).windows.charged_ps == 10.0


@given(barriers)
def test_every_window_is_sampled_for_its_whole_length_at_its_position_and_field(protocol):
    path, field = Path(protocol.windows, (0.2, 0.9)), protocol.programme()
    n = len(protocol.positions_nm)
    sampled = {k: 0 for k in range(n * len(protocol.fields_V_per_nm))}
    for t0, t1 in intervals(protocol):
        window = path.sampled(t0, t1)
        if window < 0:
            continue
        sampled[window] += 1
        for t in (t0 + 1e-9, t1 - 1e-9):
            assert path.at(t)[0] == pytest.approx(protocol.positions_nm[window % n])
        middle = 0.5 * (t0 + t1)
        assert field.value(middle) == protocol.fields_V_per_nm[window // n]
    rows = round(protocol.window_ps / protocol.recording.sample_interval_ps)
    assert set(sampled.values()) == {rows}


@given(barriers, st.floats(-3, 3), st.floats(0, 2))
def test_the_tether_never_jumps(protocol, x, r):
    path = Path(protocol.windows, (x, r))
    times = np.linspace(0, protocol.programme().duration_ps, 2001)
    where = np.array([path.at(t)[0] for t in times])
    fastest = max(
        abs(x - protocol.positions_nm[0]) / protocol.approach_ps,
        max(np.diff(protocol.positions_nm)) / (0.5 * protocol.settle_ps),
    )
    assert np.abs(np.diff(where)).max() <= fastest * (times[1] - times[0]) * 1.001 + 1e-9
    assert where[0] == pytest.approx(x)


@given(barriers, st.floats(0, 2))
def test_the_cylinder_narrows_from_the_ion_s_initial_distance(protocol, r):
    path = Path(protocol.windows, (0.0, r))
    times = np.linspace(0, protocol.approach_ps, 50)
    radius = np.array([path.at(t)[1] for t in times])
    assert radius[0] == pytest.approx(max(r, protocol.radius_nm))
    assert (np.diff(radius) <= 1e-12).all()
    assert path.at(protocol.approach_ps)[1] == pytest.approx(protocol.radius_nm)
