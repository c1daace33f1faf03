"""State files are read back bit for bit, or refused."""

from dataclasses import replace

import gsd.hoomd
import numpy as np
import pytest
from helpers import free_model
from hypothesis import given, settings
from hypothesis import strategies as st

from januspore.model.forcefield import SPECIES
from januspore.model.state import State, StateFileError, read_state, write_state

# --- state files -----------------------------------------------------------------------------

SMALL = free_model(2, 4, (1.3, 1.4, 1.5))


def any_state(seed=0, step=12345678901):
    rng = np.random.default_rng(seed)
    return State(
        positions=rng.normal(scale=30.0, size=(SMALL.n_atoms, 3)),
        velocities=rng.normal(size=(SMALL.n_atoms, 3)),
        box=SMALL.box,
        step=step,
        engine="openmm",
        native={"chain": rng.normal(size=(3, 2))},
        carry={"reservoir_K": np.array([np.nan, -2.0])},
    )


def same(one, other):
    arrays = [(one.positions, other.positions), (one.velocities, other.velocities)]
    arrays += [(one.box, other.box)]
    for a, b in ((one.native, other.native), (one.carry, other.carry)):
        if set(a) != set(b):
            return False
        arrays += [(a[k], b[k]) for k in a]
    whole = all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in arrays)
    return whole and (one.step, one.engine) == (other.step, other.engine)


@given(st.integers(0, 2**20), st.integers(0, 2**40), st.sampled_from(["", "openmm", "hoomd"]))
@settings(max_examples=25)
def test_a_state_comes_back_bit_for_bit(tmp_path_factory, seed, step, engine):
    path = tmp_path_factory.mktemp("state") / "state.gsd"
    state = replace(any_state(seed, step), engine=engine)
    write_state(path, SMALL, state, "job")
    assert same(read_state(path, "job"), state)
    assert [p.name for p in path.parent.iterdir()] == ["state.gsd"]


def test_states_without_engine_variables_are_read_back(tmp_path):
    state = any_state().restarted(np.zeros((SMALL.n_atoms, 3)))
    write_state(tmp_path / "s.gsd", SMALL, state)
    back = read_state(tmp_path / "s.gsd")
    assert same(back, state)
    assert (back.step, back.engine, back.native, back.carry) == (0, "", {}, {})


def test_a_plain_gsd_reader_sees_types_masses_charges_and_unwrapped_positions(tmp_path):
    state = any_state()
    write_state(tmp_path / "s.gsd", SMALL, state, "job")
    with gsd.hoomd.open(str(tmp_path / "s.gsd"), "r") as trajectory:
        assert len(trajectory) == 1
        frame = trajectory[0]
    assert frame.configuration.step == state.step
    assert frame.configuration.box[:3] == pytest.approx(SMALL.box, rel=1e-6)
    assert frame.configuration.box[3:].tolist() == [0.0, 0.0, 0.0]  # not tilted
    names = np.array(frame.particles.types)[frame.particles.typeid]
    assert (names == np.array(SPECIES)[SMALL.type_id]).all()
    assert frame.particles.mass == pytest.approx(SMALL.mass, rel=1e-6)
    assert frame.particles.charge == pytest.approx(SMALL.charge, rel=1e-6)
    unwrapped = frame.particles.position + frame.particles.image * SMALL.box
    # Coordinates in single precision, with errors of 1e-7 of some nm.
    assert np.abs(unwrapped - state.positions).max() < 1e-6
    assert (np.abs(frame.particles.position) <= SMALL.box / 2 * (1 + 1e-6)).all()


def test_every_flipped_bit_and_every_truncation_is_detected(tmp_path):
    path, bad = tmp_path / "s.gsd", tmp_path / "bad.gsd"
    write_state(path, SMALL, any_state(), "job")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for i in rng.permutation(len(whole))[:1500]:
        flipped = bytearray(whole)
        flipped[i] ^= 1 << int(rng.integers(8))
        bad.write_bytes(flipped)
        with pytest.raises(StateFileError, match=r"bad\.gsd"):
            read_state(bad, "job")
    for end in [0, 1, 255, 256, *rng.integers(0, len(whole), 100), len(whole) - 1]:
        bad.write_bytes(whole[:end])
        with pytest.raises(StateFileError):
            read_state(bad, "job")
    bad.write_bytes(whole + b"\0")
    with pytest.raises(StateFileError):
        read_state(bad, "job")


def test_another_job_s_state_a_missing_file_and_a_foreign_frame_are_refused(tmp_path):
    path = tmp_path / "s.gsd"
    write_state(path, SMALL, any_state(), "job")
    with pytest.raises(StateFileError, match="belongs to job job, not to other"):
        read_state(path, "other")
    with pytest.raises(StateFileError, match="missing"):
        read_state(tmp_path / "missing.gsd")
    with gsd.hoomd.open(str(tmp_path / "plain.gsd"), "w") as trajectory:
        trajectory.append(gsd.hoomd.Frame())
    with pytest.raises(StateFileError, match="plain"):
        read_state(tmp_path / "plain.gsd")


def test_a_failed_write_leaves_the_old_state_and_no_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "s.gsd"
    write_state(path, SMALL, any_state(1), "job")

    def full(_fd):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_state(path, SMALL, any_state(2), "job")
    monkeypatch.undo()
    assert same(read_state(path, "job"), any_state(1))
    assert [p.name for p in tmp_path.iterdir()] == ["s.gsd"]
