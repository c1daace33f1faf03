"""A job's summary recovers every planted scalar, with sign and unit."""

import numpy as np
import pytest
from helpers import tiny_point
from planted import planted_rows

from januspore.analysis.job import _length, _settled_ps, analyse_record
from januspore.model.system import build_model
from januspore.schema import state_point
from januspore.units import E_PER_PS

POINT = tiny_point("sine", frequency_GHz=1.0, cycles=2)
MODEL = build_model(POINT)
SAMPLE_PS = POINT.protocol.recording.sample_interval_ps


def rows(spread=lambda e: 1.2 - 0.6 * e):
    return planted_rows(POINT, lambda e, way: 0.0, spread, np.random.default_rng(0))


def summary(record, point=POINT):
    return analyse_record(record, [], point, MODEL)[1]


@pytest.mark.parametrize(("ion", "charge"), [("K", +1), ("Cl", -1)])
@pytest.mark.parametrize(("way", "sign"), [("forward", +1), ("backward", -1)])
def test_crossings_carry_the_ion_s_charge_in_its_direction(ion, charge, way, sign):
    record = rows()
    for name in ("K_forward", "K_backward", "Cl_forward", "Cl_backward"):
        record[name][:] = 0
    record[f"{ion}_{way}"][:7] = 1
    found = summary(record)
    time = len(record) * SAMPLE_PS
    assert found[f"{ion}_crossing_current_nA"] == pytest.approx(charge * sign * 7 * E_PER_PS / time)
    other = "Cl" if ion == "K" else "K"
    assert found[f"{other}_crossing_current_nA"] == 0
    assert found[f"{ion}_crossings_{way}"] == 7


def test_the_bulk_density_is_molecules_over_the_volume_that_they_were_counted_in():
    record = rows()
    width = POINT.protocol.recording.bulk_width_nm
    # The middles of both reservoirs, which are one slab across the box's face.
    volume = 2 * width * MODEL.box[1] * MODEL.box[2]
    record["water_in_bulk"][:] = round(32.4 * volume)
    assert summary(record)["bulk_water_per_nm3"] == pytest.approx(32.4, abs=0.5 / volume)


def test_the_density_s_region_is_where_the_recorder_counts():
    from januspore.engines.stretch import Observed, Sample
    from januspore.model.builder import build_state
    from januspore.simulate.recorder import Recorder

    state = build_state(MODEL, np.random.default_rng(0))
    positions = state.positions.copy()
    # Water is distributed evenly along x, so its density is known.
    oxygen = MODEL.waters[:, 0]
    positions[oxygen, 0] = np.linspace(-0.5, 0.5, len(oxygen), endpoint=False) * MODEL.box[0]
    recorder = Recorder(MODEL, POINT.protocol.recording, POINT.protocol.dynamics.timestep_ps)
    recorder.begin(state)
    recorder.sample(Sample(50, 0.0, Observed(positions)))
    counted = recorder.drain()["water_in_bulk"][0]
    record = rows()
    record["water_in_bulk"][:] = counted
    even = len(oxygen) / float(np.prod(MODEL.box))
    assert summary(record)["bulk_water_per_nm3"] == pytest.approx(even, rel=0.02)


def test_order_is_separate_for_strength_and_sign_of_the_field():
    """The dipoles are along +x: with the field if it is positive, against it if negative."""
    record = rows(spread=lambda e: 1.2 - 0.9 * e)
    field = np.repeat(record["field_V_per_nm"], record["water_in_pore"])
    record["cos_dipole"][:] = np.where(field > 0, 0.2 + 0.5 * np.abs(field), 0.6 * np.abs(field))
    found = summary(record)
    names = [
        f"mean_cosine_{w}_{s}_field" for s in ("positive", "negative") for w in ("low", "high")
    ]
    low_plus, high_plus, low_minus, high_minus = (found[name] for name in names)
    # A third of the phases each: |E| below about 0.6 V/nm, and above 1.04 V/nm.
    assert low_plus == pytest.approx(0.2 + 0.5 * 0.32, abs=0.05)
    assert high_plus == pytest.approx(0.2 + 0.5 * 1.14, abs=0.05)
    assert low_minus == pytest.approx(-0.6 * 0.32, abs=0.05)
    assert high_minus == pytest.approx(-0.6 * 1.14, abs=0.05)


def test_an_equilibration_s_first_half_of_relaxing_is_left_out():
    point = tiny_point("equilibrate", relax_ps=20.0)
    record = planted_rows(point, lambda e, way: 0.0, lambda e: 1.0, np.random.default_rng(0))
    record["T_trans_K"][:] = np.where(record["time_ps"] > 10.0, 300.0, 500.0)
    assert summary(record, point)["T_trans_K"] == pytest.approx(300.0)
    assert summary(record, point)["simulated_ps"] == pytest.approx(20.0)


# --- known answers -----------------------------------------------------------------------------


def test_counts_of_a_pore_are_means_of_the_record():
    record = rows()
    record["water_in_pore"][:] = 8
    record["K_in_pore"][::2], record["Cl_in_pore"][:] = 1, 2
    found = summary(record)
    assert found["waters_in_pore"] == 8 and found["K_in_pore"] == 0.5 and found["Cl_in_pore"] == 2
    assert found["rows"] == len(record) and found["simulated_ps"] == pytest.approx(2.0 * 1000)


def test_where_no_ion_crossed_there_is_a_bound_on_how_many_may():
    record = rows()
    for name in ("K_forward", "K_backward", "Cl_forward", "Cl_backward"):
        record[name][:] = 0
    record["Cl_forward"][3], record["Cl_backward"][5] = 1, 2
    found = summary(record)
    time_ns = len(record) * SAMPLE_PS / 1000
    assert found["K_crossings_upper_per_ns"] == pytest.approx(3.689 / time_ns, rel=1e-3)
    assert found["Cl_crossings_upper_per_ns"] == pytest.approx(8.767 / time_ns, rel=1e-3)  # of 3
    bound = 3.689 * E_PER_PS / (len(record) * SAMPLE_PS)
    assert found["K_crossing_current_nA_high"] == pytest.approx(np.hypot(0, bound), rel=1e-3)
    assert found["K_crossing_current_nA_low"] == pytest.approx(-bound, rel=1e-3)
    assert (found["Cl_crossings_forward"], found["Cl_crossings_backward"]) == (1, 2)


def test_temperatures_are_means_of_the_rows_that_were_sampled():
    record = rows()
    record["T_trans_K"][:], record["T_rot_K"][:] = np.nan, np.nan
    record["T_trans_K"][::10], record["T_rot_K"][::10] = 300.0, 310.0
    found = summary(record)
    assert (found["T_trans_K"], found["T_rot_K"]) == (300.0, 310.0)


def test_branches_count_with_their_own_length():
    """Two branches of 12 and 16 ps beside a trunk."""
    point = tiny_point("paired_pulse")
    protocol, rng = point.protocol, np.random.default_rng(0)

    def planted(programme, start=0.0):
        return planted_rows(
            point,
            None,
            lambda e: 1.0,
            rng,
            programme=programme,
            start_ps=start,
            current_at=lambda t: 0.0,
        )

    trunk = planted(protocol.programme())
    branches = [planted(b.programme, b.leaves_ps) for b in protocol.branches()]
    sums, found = analyse_record(trunk, branches, point, MODEL)
    own = [b.programme.duration_ps - b.leaves_ps for b in protocol.branches()]
    assert found["simulated_ps"] == pytest.approx(protocol.programme().duration_ps + sum(own))
    assert found["rows"] == len(trunk) + sum(map(len, branches))
    assert sums["time_ps"] == pytest.approx([5.0, 5.0, 5.0])  # the first pulse, then each second
    one = [branches[0].until(int(branches[0]["step"][0])), branches[1]]
    assert _length(one[0]) == 0.0


@pytest.mark.parametrize(
    ("protocol", "shape"),
    [
        ("sine", (40,)),
        ("triangle", (40,)),
        ("staircase", (6, 50)),
        ("pulse_train", None),
        ("equilibrate", None),
    ],
)
def test_a_record_is_reduced_by_what_its_protocol_does(protocol, shape):
    keys = {"frequency_GHz": 10.0} if protocol in ("sine", "triangle") else {}
    point = tiny_point(protocol, **keys)
    record = planted_rows(
        point,
        None,
        None,
        np.random.default_rng(0),
        current_at=lambda t: 0.0,
        spread_at=lambda t: 1.0,
        waters=1,
    )
    sums, found = analyse_record(record, [], point, MODEL)
    assert (sums == {}) == (protocol == "equilibrate")
    assert ("mean_cosine_low_positive_field" in found) == (protocol in ("sine", "triangle"))
    if shape:
        assert sums["time_ps"].shape == shape
    if sums:
        assert sums["time_ps"].sum() == pytest.approx(record["time_ps"][-1])


def test_what_is_left_out_of_a_run_is_its_relaxation():
    point = state_point(
        {
            "charge_set": {"material": "none"},
            "protocol": {
                "name": "bulk",
                "cell": {"edge_nm": 2.0},
                "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.9},
                "relax_ps": 10.0,
                "run_ps": 20.0,
            },
            "seed": 0,
        }
    )
    assert _settled_ps(point.protocol) == 10.0
    assert _settled_ps(tiny_point("sine").protocol) == 0.0
    assert _settled_ps(tiny_point("equilibrate", relax_ps=20.0).protocol) == 10.0


def test_phases_without_a_row_take_no_part_in_the_order_of_a_strength():
    """Twenty rows a cycle: every other of the forty phases has none, and no field."""
    point = tiny_point("sine", frequency_GHz=500.0, cycles=3)
    record = planted_rows(point, lambda e, way: 0.0, lambda e: 1.0, np.random.default_rng(0))
    field = np.repeat(record["field_V_per_nm"], record["water_in_pore"])
    record["cos_dipole"][:] = np.abs(field) / 2
    found = summary(record, point)
    own = np.sort(np.unique(np.round(record["field_V_per_nm"], 9)))
    rising = own[own > 0]  # five fields, each of two phases: a third of ten is three
    thirds = {"low": rising[[0, 0, 1]].mean() / 2, "high": rising[[-1, -1, -2]].mean() / 2}
    for which, value in thirds.items():
        assert found[f"mean_cosine_{which}_positive_field"] == pytest.approx(value, abs=1e-6)
        assert found[f"mean_cosine_{which}_negative_field"] == pytest.approx(-value, abs=1e-6)
