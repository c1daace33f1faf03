"""The code for GPUs, run by OpenMM's OpenCL platform on any OpenCL device.

PoCL needs no GPU (Debian: pocl-opencl-icd). It compiles the kernels of each system for some
seconds, so all tests share one system with membrane, ions, waters, field and tether.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from helpers import free_model, thermal_state, warm_up

from januspore import engines
from januspore.engines import Resources, Tether, create
from januspore.engines.base import tether_force
from januspore.engines.drivers import driver_devices
from januspore.engines.force_parts import ForceParts
from januspore.engines.openmm_platform import devices
from januspore.model.state import read_state, write_state
from januspore.protocols import Dynamics

pytestmark = [
    pytest.mark.opencl,
    pytest.mark.skipif(
        not any(device.platform == "OpenCL" for device in devices()),
        reason="no OpenCL device is here (Debian: pocl-opencl-icd)",
    ),
]

OPENCL = Resources("openmm", "OpenCL")
REFERENCE, CPU = (Resources("openmm", name, threads=1) for name in ("Reference", "CPU"))
DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.6)
MEMBRANE = (("Mo", 0.0, 0.0, 0.0), ("S", 0.153, 0.188, 0.0), ("Se", -0.17, 0.188, 0.0))
MODEL = free_model(2, 16, (1.25, 1.3, 1.35), membrane=MEMBRANE)
ION = int(MODEL.indices("Cl")[0])
TETHER = Tether(ION, 20000.0)
FIELD_V_PER_NM = 0.7


@lru_cache(maxsize=1)
def start():
    """A thermalised state at step 0, with every molecule shifted by some box lengths."""
    engine = create(MODEL, thermal_state(MODEL), DYNAMICS, CPU)
    moved = warm_up(engine, MODEL, np.random.default_rng(1), 300)
    boxes = np.zeros((MODEL.n_atoms, 3))
    rng = np.random.default_rng(2)
    boxes[MODEL.ions] = rng.integers(-4, 5, (len(MODEL.ions), 3))
    boxes[MODEL.waters] = rng.integers(-4, 5, (len(MODEL.waters), 1, 3))
    moved = replace(moved, positions=moved.positions + boxes * MODEL.box)
    return moved.restarted(moved.velocities)


def tethered(resources, state=None):
    """An engine with a field and a tether that acts along x and towards the axis."""
    engine = create(MODEL, state or start(), DYNAMICS, resources, TETHER)
    engine.set_field(FIELD_V_PER_NM)
    engine.set_tether(*target())
    return engine


def target():
    x, y, z = start().positions[ION]
    return float(x) + 0.05, 0.5 * float(np.hypot(y, z) % 0.5)


@pytest.fixture(scope="module")
def opencl():
    return tethered(OPENCL)


def test_the_platform_that_is_named_runs_in_mixed_precision(opencl):
    about = opencl.provenance()
    assert (about["platform"], about["precision"]) == ("OpenCL", "mixed")
    assert about["device"] in [device.name for device in driver_devices("OpenCL")]


def test_positions_are_unwrapped_and_exceed_single_precision(opencl):
    state = start()
    opencl.load(state)
    assert np.ptp(state.positions[:, 0]) > 3 * MODEL.box[0]
    # In single precision positions of 5 nm have errors of 2e-7 nm.
    assert np.abs(opencl.positions() - state.positions).max() < 1e-9
    assert np.abs(opencl.velocities() - state.velocities).max() < 1e-6


def test_forces_and_energy_are_those_of_the_reference_platform(opencl):
    opencl.load(start())
    reference = tethered(REFERENCE)
    expected, mobile = reference.forces(), ~MODEL.frozen
    error = np.square(opencl.forces() - expected)[mobile].mean()
    assert np.sqrt(error / np.square(expected)[mobile].mean()) < 5e-5  # measured: 1.1e-5
    assert opencl.potential_energy() == pytest.approx(reference.potential_energy(), rel=1e-5)


def test_the_tether_pulls_to_the_nearest_image_by_its_formula(opencl):
    opencl.load(start())
    opencl.set_tether(target()[0], target()[1])
    pulled = opencl.forces()[ION]
    opencl.set_tether(target()[0] + 0.02, 0.0)
    change = opencl.forces()[ION] - pulled
    where, stiffness = start().positions[ION], TETHER.stiffness_kJ_per_mol_nm2
    after, before = (
        tether_force(where, x, radius, stiffness, MODEL.box)
        for x, radius in ((target()[0] + 0.02, 0.0), target())
    )
    opencl.set_tether(*target())
    assert change == pytest.approx(after - before, abs=0.1)  # of some 1e3 kJ/mol/nm
    assert np.abs(after - before).max() > 300


def test_ions_pass_the_box_s_face_without_a_jump(opencl):
    """The run is longer than the 250 steps after which a GPU sorts and wraps its atoms."""
    opencl.load(start())
    before, farthest = opencl.positions(), 0.0
    for _ in range(30):
        opencl.advance(10)
        now = opencl.positions()
        farthest = max(farthest, float(np.abs(now - before).max()))
        before = now
    assert 0.01 < farthest < 0.3  # thermal motion in 20 fs; a jump would be 1.25 nm or more
    # Wrapping rounds a position once to single precision.
    assert np.abs(before[MODEL.frozen] - MODEL.membrane_positions).max() < 1e-7


def test_the_path_is_the_reference_platform_s(opencl):
    opencl.load(start())
    reference = tethered(REFERENCE)
    for engine in (opencl, reference):
        engine.advance(20)
    assert np.abs(opencl.positions() - reference.positions()).max() < 1e-6
    assert np.abs(reference.positions() - start().positions).max() > 1e-3


def test_a_restart_from_a_file_continues_the_same_trajectory(opencl, tmp_path):
    opencl.load(start())
    opencl.advance(200)
    write_state(tmp_path / "state.gsd", MODEL, opencl.save(), "owner")
    state = read_state(tmp_path / "state.gsd", "owner")
    resumed, lost = tethered(OPENCL, state), tethered(OPENCL, replace(state, native={}))
    for engine in (opencl, resumed, lost):
        engine.advance(50)
    apart, apart_lost = (
        np.abs(engine.positions() - opencl.positions()).max() for engine in (resumed, lost)
    )
    assert opencl.step == resumed.step == 250
    assert apart < 1e-5 and apart_lost > 20 * apart


def test_the_parts_of_a_force_are_taken_on_the_same_platform_and_sum_to_it(opencl):
    opencl.load(start())
    parts = ForceParts(MODEL, OPENCL)
    assert parts.platform == "OpenCL"
    found = parts.along_x(start().positions, MODEL.ions, FIELD_V_PER_NM)
    total = sum(found.values())
    pull = tether_force(
        start().positions[ION], *target(), TETHER.stiffness_kJ_per_mol_nm2, MODEL.box
    )
    total[list(MODEL.ions).index(ION)] += pull[0]
    expected = opencl.forces()[MODEL.ions, 0]
    assert np.sqrt(np.square(total - expected).mean() / np.square(expected).mean()) < 1e-4


def test_a_device_that_is_the_cpu_is_chosen_only_by_name():
    if any(device.is_gpu for device in engines.devices("openmm")):
        pytest.skip("a GPU is here, and is what is chosen")
    assert create(MODEL, start(), DYNAMICS, Resources("openmm")).provenance()["platform"] == "CPU"
