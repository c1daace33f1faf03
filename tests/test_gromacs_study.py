"""A small study on GROMACS by the user's commands, from building to analysis."""

import numpy as np
import pytest
import signac
from test_workflow import copy_project, run

from januspore.engines import gromacs_program
from januspore.model.state import read_state
from januspore.model.system import build_model
from januspore.simulate.layout import trajectory
from januspore.simulate.record import read_record
from januspore.space.conditions import is_analysed, is_recorded
from januspore.space.dataspace import engine_of, point_of

pytestmark = [
    pytest.mark.gromacs,
    pytest.mark.skipif(
        not gromacs_program.is_installed(), reason="GROMACS (gmx, gmx_mpi) or chemfiles is not here"
    ),
]


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A barrier of one seed, with its equilibration, simulated and analysed."""
    space = copy_project(tmp_path_factory.mktemp("gromacs"))
    run(space, "python", "init.py", "--protocol", "barrier", "--seeds", "0:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JANUSPORE_ENGINE", "gromacs")
        for operation in ("equilibrate", "simulate", "analyse"):
            run(space, "python", "project.py", "run", "-o", operation)
    return space


def test_every_job_is_simulated_by_gromacs_and_analysed(space):
    jobs = list(signac.get_project(str(space), search=False))
    assert {point_of(job).protocol.name for job in jobs} >= {"equilibrate", "barrier"}
    for job in jobs:
        assert is_recorded(job) and is_analysed(job)
        assert engine_of(job)["name"] == "gromacs"
        assert not list(trajectory(job).rglob("*.tmp"))


def test_rows_are_complete_and_their_displacements_are_the_path_between_frames(space):
    for job in signac.get_project(str(space), search=False):
        point = point_of(job)
        model, windows = build_model(point), point.protocol.windows
        rows, _ = read_record(trajectory(job) / "record.h5")
        assert (np.diff(rows["step"]) == rows["step"][0]).all()
        frames = sorted((trajectory(job) / "frames").glob("*.gsd"))
        first, last = (read_state(path, job.id) for path in (frames[0], frames[-1]))
        between = (rows["step"] > first.step) & (rows["step"] <= last.step)
        for name, charge in (("K", 1.0), ("Cl", -1.0)):
            ions = model.indices(name)
            if windows and windows.ion == name:
                ions = ions[1:]  # the held ion is not counted
            path = charge * (last.positions - first.positions)[ions, 0].sum()
            assert rows[f"{name}_cell_e_nm"][between].sum() == pytest.approx(path, abs=1e-9)
        energies = np.isfinite(rows["potential_kJ_per_mol"])
        assert (energies == (rows["step"] % 250 == 0)).all()
        assert (np.isfinite(rows["T_trans_K"]) == energies).all()
