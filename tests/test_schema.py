"""State points: refusals, equality of jobs, and the equilibrations that jobs start from."""

import copy
import json
import math

import pytest
from helpers import CHARGE_SETS, PROTOCOLS, raw_point
from hypothesis import assume, given
from hypothesis import strategies as st
from signac.job import calc_id

from januspore.errors import InputError
from januspore.schema import ChargeSet, StatePoint, parent_of, parse, snapshot_of, state_point
from januspore.space.dataspace import dump
from januspore.values import MAX_FIELD_V_PER_NM


def leaves(data, path=()):
    """Paths of all numbers and texts in a state point."""
    if isinstance(data, dict):
        return [p for key, value in data.items() for p in leaves(value, (*path, key))]
    return [path]


def sections(data, path=()):
    """Paths of all dictionaries in a state point."""
    inner = [p for k, v in data.items() if isinstance(v, dict) for p in sections(v, (*path, k))]
    return [path, *inner]


def at(data, path):
    for key in path:
        data = data[key]
    return data


def changed(data, path, value):
    data = copy.deepcopy(data)
    at(data, path[:-1])[path[-1]] = value
    return data


def kept(data):
    """The text of a state point as signac stores it, from which the job id follows."""
    return json.dumps(state_point(data).model_dump(mode="json"), sort_keys=True)


def complete(protocol="sine", charge_set="janus", seed=3):
    """A state point with every key given explicitly."""
    return state_point(raw_point(protocol, charge_set, seed)).model_dump(mode="json")


def refusal(data):
    with pytest.raises(InputError) as caught:
        state_point(data)
    return str(caught.value)


every_point = st.builds(
    complete,
    st.sampled_from(sorted(PROTOCOLS)),
    st.sampled_from(sorted(CHARGE_SETS)),
    st.integers(0, 2**31 - 1),
)


@given(every_point)
def test_a_valid_state_point_has_three_keys_and_comes_back_as_it_went_in(data):
    assert set(data) == {"charge_set", "protocol", "seed"}
    assert state_point(json.loads(kept(data))) == state_point(data)
    assert json.loads(kept(data)) == data


@given(every_point, st.data())
def test_float_noise_makes_no_second_job_and_a_real_change_does(data, draw):
    path = draw.draw(st.sampled_from([p for p in leaves(data) if isinstance(at(data, p), float)]))
    value, noise = at(data, path), draw.draw(st.floats(-4e-16, 4e-16))
    assert kept(changed(data, path, value * (1 + noise))) == kept(data)
    other = changed(data, path, value + 1e-6)
    try:
        assert kept(other) != kept(data)
    except InputError:
        assume(False)


@pytest.mark.parametrize("path", [p for p in leaves(complete()) if p[-1] in ("S", "Se", "Mo")])
def test_minus_zero_is_zero(path):
    neutral = complete(charge_set="neutral")
    assert kept(changed(neutral, path, -0.0)) == kept(neutral)


def test_int_float_and_written_number_are_one_job():
    data = complete()
    for same in (300, 300.0, "300"):
        assert kept(changed(data, ("protocol", "dynamics", "temperature_K"), same)) == kept(data)


@given(every_point, st.data())
def test_an_unknown_key_is_refused_by_name_wherever_it_stands(data, draw):
    path = draw.draw(st.sampled_from(sections(data)))
    key = draw.draw(st.from_regex(r"[a-z_]{3,12}", fullmatch=True))
    assume(key not in at(data, path))
    message = refusal(changed(data, (*path, key), 1.0))
    assert ".".join((*path, key)) in message
    assert "\n" not in message


@given(every_point, st.data())
def test_a_missing_charge_seed_or_section_is_refused_by_name(data, draw):
    path = draw.draw(
        st.sampled_from(
            [(), *[("charge_set",)] * 3, *[("protocol",)] * (data["protocol"]["name"] == "sine")]
        )
    )
    required = {
        (): ["charge_set", "protocol", "seed"],
        ("charge_set",): [*data["charge_set"]],
        ("protocol",): ["name"],
    }[path]
    key = draw.draw(st.sampled_from(required))
    data = copy.deepcopy(data)
    del at(data, path)[key]
    message = refusal(data)
    assert key in message or f"discriminator '{key}'" in message


not_numbers = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, True, False, None, "", "x\ny", [], {}, [1.0]]),
    st.floats(min_value=1e9, allow_infinity=False),
    st.floats(max_value=-1e9, allow_infinity=False),
    st.integers(min_value=10**9, max_value=10**40).map(lambda n: n * 2**31),
    st.text(alphabet="abc \n", max_size=200),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(every_point, st.data(), not_numbers)
def test_invalid_numbers_are_refused_in_one_line_with_their_key(data, draw, value):
    numbers = [p for p in leaves(data) if isinstance(at(data, p), int | float)]
    path = draw.draw(st.sampled_from(numbers))
    message = refusal(changed(data, path, value))
    assert ".".join(map(str, path)) in message
    assert message.startswith("state point: ")
    assert "\n" not in message
    assert len(message) < 400


positive_keys = [
    p
    for p in leaves(complete())
    if isinstance(at(complete(), p), float) and p[0] == "protocol" and "salt" not in p[-1]
]


@pytest.mark.parametrize("path", positive_keys, ids=lambda p: ".".join(p))
@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12])
def test_positive_numbers_that_round_to_zero_are_refused(path, value):
    assert ".".join(path) in refusal(changed(complete(), path, value))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_a_section_that_is_no_table_is_refused_in_one_line(data):
    assert "\n" not in refusal(data)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(-4, 4))
def test_only_neutral_formula_units_are_charge_sets(mo, s, se):
    given_charges = {"material": "MoSSe", "Mo": mo, "S": s, "Se": se}
    if abs(mo + s + se) > 2e-6:
        with pytest.raises(InputError, match="sum to 0"):
            parse(ChargeSet, given_charges, "charge_set")
    closed = {**given_charges, "Se": -(round(mo, 9) + round(s, 9))}
    if abs(mo + s) < 4:
        assert parse(ChargeSet, closed).Mo == pytest.approx(mo, abs=1e-9)


@pytest.mark.parametrize("name", CHARGE_SETS)
def test_the_paper_s_charge_sets_are_valid_and_a_change_of_a_thousandth_is_not(name):
    charges = CHARGE_SETS[name]
    parse(ChargeSet, charges)
    with pytest.raises(InputError, match="sum to 0"):
        parse(ChargeSet, {**charges, "S": charges["S"] + 1e-3})


def test_a_formula_unit_of_mos2_has_two_sulphurs():
    with pytest.raises(InputError, match="sum to 0"):
        parse(ChargeSet, {"material": "MoS2", "Mo": 0.59, "S": -0.59})


field_keys = {
    "sine": ("amplitude_V_per_nm",),
    "staircase": ("holds_V_per_nm", 1),
    "steps": ("high_V_per_nm",),
    "paired_pulse": ("pulse_V_per_nm",),
    "pulse_train": ("preparation_V_per_nm",),
    "barrier": ("fields_V_per_nm", 0),
}


@pytest.mark.parametrize("protocol", field_keys)
@given(st.floats(MAX_FIELD_V_PER_NM * 1.0001, 1e6), st.booleans())
def test_absurd_fields_are_refused_in_every_protocol(protocol, field, down):
    path = ("protocol", *field_keys[protocol])
    message = refusal(changed(complete(protocol), path, -field if down else field))
    assert ".".join(map(str, path)) in message


def test_a_sine_has_no_negative_amplitude():
    message = refusal(changed(complete(), ("protocol", "amplitude_V_per_nm"), -1.2))
    assert "protocol.amplitude_V_per_nm = -1.2" in message


@given(st.integers(2, 20), st.integers(2, 20), st.floats(0.3, 4), st.floats(0.6, 1.5))
def test_a_cell_narrower_than_twice_the_cutoff_is_refused(n_y, n_z, depth, cutoff):
    data = complete()
    data["protocol"]["cell"] |= {"repeats_y": n_y, "repeats_z": n_z, "reservoir_nm": depth}
    data["protocol"]["cell"]["pore_diameter_nm"] = 0.5
    data["protocol"]["dynamics"]["cutoff_nm"] = cutoff
    edges = {
        "repeats_y": n_y * 0.325,
        "repeats_z": n_z * 0.325 * math.sqrt(3),
        "reservoir_nm": 2 * depth,
    }
    assume(all(abs(edge - 2 * cutoff) > 1e-6 for edge in edges.values()))
    short = [key for key, edge in edges.items() if edge < 2 * cutoff]
    if short:
        assert f"cell.{short[0]} gives an edge" in refusal(data)
    else:
        state_point(data)


def test_a_pore_that_overlaps_its_periodic_image_is_refused():
    data = changed(complete(), ("protocol", "cell", "pore_diameter_nm"), 4.6)
    assert "pore_diameter_nm" in refusal(data)


@pytest.mark.parametrize(
    "key", ["pore_half_length_nm", "slab_half_width_nm", "gate_nm", "bulk_width_nm"]
)
def test_a_recorded_region_wider_than_a_reservoir_is_refused(key):
    assert key in refusal(changed(complete(), ("protocol", "recording", key), 3.0))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("positions_nm", [0.5, 0.0], "must rise"),
        ("positions_nm", [0.0, 0.0, 0.5], "must rise"),
        ("positions_nm", [0.0], "at least 2"),
        ("positions_nm", [0.0, 3.1], "reach 3.1 nm from the membrane; cell.reservoir_nm is 3"),
        ("positions_nm", [-3.1, 0.0], "reach 3.1 nm from the membrane; cell.reservoir_nm is 3"),
        ("fields_V_per_nm", [0.3, 0.3], "each field may be given once"),
        ("radius_nm", 2.6, "below half the membrane's shorter edge, 2.533 nm"),
        ("stiffness_kJ_per_mol_nm2", 0.0, "greater than or equal to 100"),
        ("approach_ps", 0.05, "must be a whole multiple of recording.sample_interval_ps"),
        ("settle_ps", 0.25, "must be a whole multiple of recording.sample_interval_ps"),
        ("window_ps", 0.25, "must be a whole multiple of recording.sample_interval_ps"),
        ("ion", "Na", "'K' or 'Cl'"),
    ],
)
def test_windows_that_cannot_be_sampled_are_refused(key, value, told):
    message = refusal(changed(complete("barrier"), ("protocol", key), value))
    assert told in message and key in message


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.0), (0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (-0.6, -0.5)]
)
def test_steps_that_do_not_rise_are_refused(low, high):
    data = changed(complete("steps"), ("protocol", "low_V_per_nm"), low)
    told = refusal(changed(data, ("protocol", "high_V_per_nm"), high))
    assert "high_V_per_nm" in told and "farther from 0 than low_V_per_nm" in told


@given(st.integers(1, 40), st.integers(1, 100), st.sampled_from([0.5, 1.0, 2.0]))
def test_times_are_whole_steps_and_whole_samples(tenths_of_step, steps, timestep):
    data = complete("staircase")
    data["protocol"]["dynamics"]["timestep_fs"] = timestep
    sample = round(steps * timestep * 1e-3, 9)
    data["protocol"]["recording"] = {
        "sample_interval_ps": sample,
        "energy_interval_ps": 2 * sample,
        "frame_interval_ps": 5 * sample,
    }
    data["protocol"]["hold_ps"] = 3 * sample
    data["protocol"]["equilibration"] |= {"relax_ps": 2 * sample, "snapshot_interval_ps": sample}
    state_point(data)
    off = 3 * sample + tenths_of_step / 41 * sample
    assert "hold_ps" in refusal(changed(data, ("protocol", "hold_ps"), off))
    ragged = sample + timestep * 1e-3 * 0.4
    path = ("protocol", "recording", "sample_interval_ps")
    assert "recording.sample_interval_ps" in refusal(changed(data, path, ragged))


def test_samples_far_shorter_than_a_step_are_refused():
    data = changed(complete(), ("protocol", "dynamics", "timestep_fs"), 4.0)
    path = ("protocol", "recording", "sample_interval_ps")
    assert "recording.sample_interval_ps = 1e-09 ps must be" in refusal(changed(data, path, 1e-9))


driven_point = every_point.filter(lambda d: d["protocol"]["name"] != "equilibrate")


@given(driven_point, driven_point)
def test_children_of_one_charge_set_and_equilibration_share_their_parent(one, other):
    other = {**other, "charge_set": one["charge_set"], "seed": one["seed"]}
    first, second = parent_of(state_point(one)), parent_of(state_point(other))
    assert isinstance(first, StatePoint)
    assert first == second
    assert parent_of(first) is None
    assert state_point(first.model_dump(mode="json")) == first


@given(driven_point, st.integers(1, 20), st.integers(0, 400))
def test_seeds_use_every_equilibration_before_its_next_snapshot(data, count, seed):
    data = changed(data, ("protocol", "equilibration", "count"), count)
    point = state_point({**data, "seed": seed})
    parent = parent_of(point)
    assert parent.seed + count * snapshot_of(point) == seed
    assert 0 <= parent.seed < count
    assert snapshot_of(parent) == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("charge_set", "Mo"), 1.05),
        (("protocol", "cell", "reservoir_nm"), 2.9),
        (("protocol", "cell", "pore_diameter_nm"), 0.9),
        (("protocol", "dynamics", "timestep_fs"), 2.0),
        (("protocol", "dynamics", "temperature_K"), 310.0),
        (("protocol", "force_field", "Se_sigma_nm"), 0.37),
        (("protocol", "equilibration", "relax_ps"), 500.0),
        (("seed",), 4),
    ],
)
def test_keys_that_a_start_state_depends_on_change_the_parent(path, value):
    data = complete()
    other = changed(data, path, value)
    if path[-1] == "Mo":
        other["charge_set"]["Se"] = -0.44
    assert parent_of(state_point(other)) != parent_of(state_point(data))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("protocol", "amplitude_V_per_nm"), 0.4),
        (("protocol", "cycles"), 1),
        (("protocol", "recording", "slab_half_width_nm"), 0.2),
        (("protocol", "recording", "frame_interval_ps"), 20.0),
        (("seed",), 13),
    ],
)
def test_keys_that_a_start_state_does_not_depend_on_keep_the_parent(path, value):
    data = complete()
    assert parent_of(state_point(changed(data, path, value))) == parent_of(state_point(data))


#: Ids of `raw_point`'s jobs in the first data spaces.
IDS = {
    "equilibrate": "9c87fdeb7bce58a83581f85ba5860fb1",
    "sine": "4b5a65a6d99aa09d8c120d489759d4d2",
    "staircase": "ca55da37ee7206dd5c0236c55057f47a",
    "paired_pulse": "974097e690a790ea65e1fb6fac1c0349",
    "pulse_train": "0dec73c68819f478c087f138f6ef6d5b",
    "barrier": "f3b31df779521416b440507107689958",
}


@pytest.mark.parametrize("protocol", IDS)
def test_ids_of_older_jobs_do_not_change(protocol):
    assert calc_id(dump(state_point(raw_point(protocol)))) == IDS[protocol]


def test_a_later_key_is_left_out_at_its_default_and_otherwise_makes_another_job():
    raw = raw_point("barrier")
    raw["protocol"]["charging_ps"] = 0.0
    kept = dump(state_point(raw))
    assert "charging_ps" not in kept["protocol"] and calc_id(kept) == IDS["barrier"]
    assert state_point(kept).protocol.charging_ps == 0.0
    raw["protocol"]["charging_ps"] = 60.0
    charged = dump(state_point(raw))
    assert charged["protocol"]["charging_ps"] == 60.0 and calc_id(charged) != IDS["barrier"]
    assert state_point(charged) == state_point(raw)
