"""The picture shows the frames at the lowest and highest field, and the waters in the pore."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import free_model
from test_hydration import planted_space

from januspore.model.builder import build_state
from januspore.model.state import State, write_state
from januspore.model.system import build_model, water_geometry
from januspore.products import PRODUCTS
from januspore.products.dipole_picture import chosen, snapshot
from januspore.products.render import Camera, spheres, whole_molecules
from januspore.products.results import findings, product_table
from januspore.protocols import Recording
from januspore.simulate.layout import trajectory
from januspore.space.dataspace import point_of


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([0.0, 1.14, 0.7, -0.7, -1.14, 1e-16], {"lowest": 0, "highest": 1}),
        ([0.3, -1.2, 1.2 - 1e-12, 0.1], {"lowest": 3, "highest": 2}),
        ([0.7], {"only": 0}),
        ([], {}),
    ],
)
def test_frames_of_least_and_most_field(fields, expected):
    assert chosen(fields) == expected


def test_planted_dipoles_in_a_pore_across_the_box_s_face_are_found():
    """Two waters in the pore, one along +x and one along -x, a third outside it."""
    model, turn = free_model(0, 3, (3.0, 2.0, 2.0)), np.array([-1.0, -1.0, 1.0])
    positions = np.zeros((model.n_atoms, 3))
    at = np.array([[0.1, 0, 0], [-0.1, 0.2, 0], [1.0, 0, 0]])
    for water, oxygen, sense in zip(model.waters, at, ([1, 1, 1], turn, [1, 1, 1]), strict=True):
        positions[water] = oxygen + water_geometry() * sense + model.box * [1, -1, 0]
    state = State(positions, np.zeros_like(positions), model.box, step=500)
    shot = snapshot("highest", 0.5, state, 2e-3, model, Recording())
    assert shot.cosine == pytest.approx([1, -1]) and shot.time_ps == 1.0
    assert np.abs(shot.theta) == pytest.approx([0, np.pi])
    bonds = shot.positions[model.waters[:, 1]] - shot.positions[model.waters[:, 0]]
    assert np.linalg.norm(bonds, axis=1) == pytest.approx(0.1)


def test_spheres_draw_only_what_is_asked():
    model = free_model(1, 0, (2.0, 2.0, 2.0))
    positions = whole_molecules(np.array([[0.5, 0.5, 0.9], [-0.5, -0.5, 0.0]]), model)
    none = spheres(positions, model, Camera("z", 0.0), only=np.array([False, False]))["X"]
    assert (none == 1).all()
    first = spheres(positions, model, Camera("z", 0.0, 50), only=np.array([True, False]))["X"]
    assert first.shape == (100, 100, 3)
    assert (first[:50] == 1).all() and (first[50:, 50:] < 1).any()


def make(project):
    jobs = list(project.find_jobs({"protocol.name": "sine"}))
    next(p for p in PRODUCTS if p.name == "dipole_picture").run(*jobs)
    return product_table(project, "dipole_picture"), findings(project)[-1][2]


def test_the_product_lists_the_waters_that_it_draws(tmp_path):
    project = planted_space(tmp_path, arguments=("--seeds", "0:2"))
    table, found = make(project)
    assert found["frames kept"] == 3
    assert set(table.frame) <= {"lowest", "highest"}
    assert (table[["y_nm", "z_nm"]] ** 2).sum(axis=1).max() < 0.45**2
    assert table.x_nm.abs().max() < 0.3
    assert (table.theta_deg.abs() <= 180).all()
    figure = next(Path(tmp_path, "results", "dipole_picture").rglob("dipole_picture.png"))
    assert figure.stat().st_size > 10_000


def test_an_empty_pore_and_missing_frames_are_stated(tmp_path):
    project = planted_space(tmp_path / "a", frames=0, arguments=("--seeds", "0"))
    assert make(project)[1]["note"] == "no frames were kept of this job"
    project = planted_space(tmp_path / "b", frames=1, arguments=("--seeds", "0"))
    (job,) = project.find_jobs({"protocol.name": "sine"})
    model = build_model(point_of(job))
    state = build_state(model, np.random.default_rng(0))
    state.positions[model.waters.ravel(), 0] = model.box[0] / 2
    path = trajectory(job) / "frames" / f"{0:015d}.gsd"
    write_state(path, model, replace(state, step=0), job.id)
    table, found = make(project)
    assert table.empty and "no water in the pore" in found["only field"]
