"""Parts of the HOOMD-blue engine that need no HOOMD-blue: bodies, mesh, frozen pairs."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from helpers import free_model, thermal_state, tiny_point

from januspore import engines
from januspore.engines import Tether, hoomd_library
from januspore.engines.base import ewald_parameters
from januspore.engines.hoomd_bodies import (
    WaterFrame,
    atom_velocities,
    bodies_from_atoms,
    rotation_matrices,
)
from januspore.engines.hoomd_forces import (
    CENTRE,
    Splitting,
    frozen_pairs,
    long_range,
    make_forces,
    real_space,
    splitting,
    within_waters,
)
from januspore.engines.hoomd_method import METHODS
from januspore.engines.hoomd_tether import WallTether
from januspore.errors import InputError
from januspore.model.system import build_model


def test_positions_and_velocities_are_recovered_from_bodies():
    model = free_model(1, 40, (2.0, 2.1, 2.2))
    state = thermal_state(model, seed=3)
    frame = WaterFrame.of(model)
    atoms, velocities = state.positions[model.waters], state.velocities[model.waters]
    bodies = bodies_from_atoms(frame, atoms, velocities)
    turned = np.einsum("nij,kj->nki", rotation_matrices(bodies), frame.sites)
    assert np.allclose(bodies.centre[:, None] + turned, atoms, atol=1e-14)
    assert np.allclose(atom_velocities(frame, bodies), velocities, atol=1e-13)


def test_water_frame_is_principal_and_its_moments_are_of_spc_e():
    frame = WaterFrame.of(free_model(0, 1, (2.0, 2.0, 2.0)))
    x, y = 0.1 * np.cos(np.radians(109.47 / 2)), 0.1 * np.sin(np.radians(109.47 / 2))
    about_x = 2 * 1.008 * y**2
    about_y = 2 * 1.008 * 15.9994 / (2 * 1.008 + 15.9994) * x**2
    assert np.allclose(frame.moments, [about_x, about_y, about_x + about_y])
    assert np.allclose(frame.mass @ frame.sites, 0, atol=1e-15)


def test_a_model_without_waters_has_no_bodies():
    model = free_model(2, 0, (2.0, 2.0, 2.0))
    state = thermal_state(model)
    empty = np.zeros((0, 3, 3))
    bodies = bodies_from_atoms(WaterFrame.of(model), empty, empty)
    assert bodies.orientation.shape == (0, 4)
    assert atom_velocities(WaterFrame.of(model), bodies).shape == (0, 3, 3)
    assert not within_waters(model, Splitting(0.6, (8, 8, 8), 3.0), state.positions).any()


@pytest.mark.parametrize("part", [real_space, long_range])
def test_forces_are_the_energies_slopes(part):
    r, h = np.linspace(0.06, 1.2, 50), 1e-6
    slope = (part(r - h, 3.1)[0] - part(r + h, 3.1)[0]) / (2 * h)
    assert np.allclose(part(r, 3.1)[1], slope, rtol=1e-7, atol=1e-7)


def test_real_space_and_mesh_parts_add_up_to_the_bare_interaction():
    r = np.linspace(0.1, 1.0, 10)
    energy, force = (a + b for a, b in zip(real_space(r, 2.7), long_range(r, 2.7), strict=True))
    assert np.allclose(energy, 1 / r, rtol=1e-14)
    assert np.allclose(force, 1 / r**2, rtol=1e-14)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-6])
def test_mesh_is_finer_for_a_smaller_tolerance_and_a_shorter_cutoff(tolerance):
    model = replace(build_model(tiny_point()), ewald_tolerance=tolerance)
    split = splitting(model)
    finer = splitting(replace(model, ewald_tolerance=tolerance / 10))
    shorter = splitting(replace(model, cutoff_nm=0.6))
    assert split.cutoff_nm <= model.cutoff_nm
    assert all(a < b for a, b in zip(split.mesh, finer.mesh, strict=True))
    assert all(a <= b for a, b in zip(split.mesh, shorter.mesh, strict=True))
    # The mesh resolves the Gaussian that the tolerance requires.
    alpha = ewald_parameters(model).alpha * model.cutoff_nm / split.cutoff_nm
    assert (alpha * model.box / np.array(split.mesh)).max() < 1.0


def test_frozen_pairs_are_the_sum_over_pairs_and_have_no_net_force():
    membrane = (("Mo", 0.0, 0.0, 0.0), ("S", 0.15, 0.2, 0.0), ("Se", -0.15, 0.9, 0.1))
    model = free_model(0, 0, (2.0, 1.9, 1.8), membrane=membrane)
    split = Splitting(0.5, (8, 8, 8), 3.0)
    frozen = frozen_pairs(model, split)
    # Only Mo-S is within both cut-offs; Mo-Se (0.92 nm) and S-Se (0.77 nm) are beyond.
    r = 0.25
    six = ((0.420 + 0.313) / 2 / r) ** 6
    assert frozen.lj == pytest.approx(4 * np.sqrt(0.05654 * 1.9297) * (six**2 - six), rel=1e-12)
    assert frozen.coulomb == pytest.approx(
        138.935458 * 1.06 * -0.61 * real_space(np.array([r]), 3.0)[0][0], rel=1e-12
    )
    assert np.allclose(frozen.forces.sum(axis=0), 0, atol=1e-9)
    assert not frozen.forces[2].any()


def test_no_engine_library_is_loaded_at_start_up():
    code = "import sys, januspore.engines; print('hoomd' in sys.modules, 'openmm' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("gpu, expected", [(True, "hoomd"), (False, "openmm")])
def test_hoomd_is_the_default_only_where_it_finds_a_gpu(monkeypatch, gpu, expected):
    monkeypatch.setattr(engines, "available", lambda: ["openmm", "hoomd"])
    monkeypatch.setattr(engines, "_hoomd_sees_gpu", lambda: gpu)
    assert engines.choose() == expected
    assert engines.choose("openmm") == "openmm"
    assert engines.choose("hoomd") == "hoomd"


@pytest.mark.parametrize(
    "build, devices, seen",
    [(True, ["NVIDIA H100"], True), (True, [], False), (False, [], False)],
    ids=["gpu", "gpu build without a gpu", "cpu build"],
)
def test_a_gpu_is_found_if_the_build_supports_one(monkeypatch, build, devices, seen):
    gpu = SimpleNamespace(is_available=lambda: build, get_available_devices=lambda: devices)
    monkeypatch.setattr(
        hoomd_library, "library", lambda: SimpleNamespace(device=SimpleNamespace(GPU=gpu))
    )
    hoomd_library.sees_gpu.cache_clear()
    assert hoomd_library.sees_gpu() is seen
    hoomd_library.sees_gpu.cache_clear()


def test_on_a_gpu_no_method_is_used_that_is_known_to_fail_there():
    """These are tables, tree lists (hoomd-blue #2284), forces in Python, and FIRE (#2080)."""
    hoomd = MagicMock()
    forbidden = (
        hoomd.md.pair.Table,
        hoomd.md.nlist.Tree,
        hoomd.md.force.Custom,
        hoomd.md.minimize.FIRE,
    )
    hoomd.md.long_range.pppm.make_pppm_coulomb_forces.return_value = MagicMock(), MagicMock()
    model = build_model(tiny_point())
    split = Splitting(0.7, (8, 8, 8), 3.0)
    tether = Tether(int(model.ions[0]), 1000.0)
    make_forces(hoomd, model, split, METHODS["gpu"], held=tether.atom)
    WallTether(hoomd, tether, model.box, others=CENTRE).set(0.1, 0.2)
    assert not any(kind.called for kind in forbidden)
    assert hoomd.md.pair.Ewald.called
    assert hoomd.md.nlist.Cell.call_count == 2
    make_forces(hoomd, model, split, METHODS["cpu"])
    assert hoomd.md.pair.Table.called
    assert hoomd.md.nlist.Tree.called


def test_a_tether_that_moves_writes_its_walls_and_no_parameters():
    """Every write costs a GPU the time of several steps."""
    hoomd = MagicMock()
    walls = WallTether(hoomd, Tether(0, 1000.0), np.ones(3), others=CENTRE)
    written = hoomd.md.external.wall.Gaussian.return_value.params.__setitem__
    walls.set(0.1, 0.2)
    before = written.call_count
    walls.set(0.2, 0.2)
    assert written.call_count == before
    walls.set(np.inf, np.inf)
    assert written.call_count > before


@pytest.mark.parametrize("method", METHODS)
def test_neighbour_lists_fit_into_the_box(method):
    hoomd = MagicMock()
    hoomd.md.long_range.pppm.make_pppm_coulomb_forces.return_value = MagicMock(), MagicMock()
    model = build_model(tiny_point())
    split = Splitting(0.7, (8, 8, 8), 3.0)
    make_forces(hoomd, model, split, METHODS[method])
    kind = hoomd.md.nlist.Tree if METHODS[method].tree else hoomd.md.nlist.Cell
    buffers = [call.kwargs["buffer"] for call in kind.call_args_list]
    for buffer, cutoff in zip(buffers, (model.cutoff_nm, split.cutoff_nm), strict=True):
        assert 0 < buffer <= METHODS[method].buffer_nm
        assert 2 * (cutoff + buffer) < model.box.min()


def test_hoomd_is_not_imported_where_it_is_not_installed(monkeypatch):
    def look() -> bool:
        raise AssertionError("looked for a GPU without HOOMD-blue")

    monkeypatch.setattr(engines, "available", lambda: ["openmm"])
    monkeypatch.setattr(engines, "_hoomd_sees_gpu", look)
    assert engines.choose() == "openmm"
    with pytest.raises(InputError, match="engine 'hoomd' is not installed here; found: openmm"):
        engines.choose("hoomd")
