"""Data for the drawings on a job's page: its record against time, its last configuration."""

import json

import numpy as np
import pytest
from served import sine

pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")

from januspore.dashboard.frame import configuration, last_state
from januspore.dashboard.traces import POINTS, rows_so_far, traces
from januspore.model.system import build_model
from januspore.simulate.layout import trajectory
from januspore.simulate.record import RecordError, RecordFiles, Rows, read_record
from januspore.space.dataspace import point_of, protocol_of
from januspore.units import E_PER_PS


def test_traces_are_means_of_the_record(browser, membranes):
    job = sine(membranes)
    rows = read_record(trajectory(job) / "record.h5")[0]
    found = browser.get(f"/jobs/{job.id}/traces.json").json
    assert len(found["time_ps"]) == len(rows) < POINTS
    panels = {panel["title"]: panel["lines"] for panel in found["panels"]}
    assert np.allclose(panels["field along x"]["field"], rows["field_V_per_nm"], rtol=1e-5)
    # I = sum q dx / (L t) with L the slab's width.
    slab, recording = panels["current through the pore's slab"], protocol_of(job).recording
    unit = E_PER_PS / (2 * recording.slab_half_width_nm * recording.sample_interval_ps)
    assert np.allclose(slab["K+"], rows["K_slab_e_nm"] * unit, rtol=1e-5)
    assert np.allclose(np.add(slab["K+"], slab["Cl-"]), slab["total"], rtol=1e-4)
    order = panels["order: mean cosine of the pore's water dipoles to +x"]["mean cosine"]
    waters = rows["water_in_pore"][0]
    assert np.allclose(order, rows["cos_dipole"].reshape(-1, waters).mean(axis=1), atol=1e-5)
    for odd in ("from=nan&to=inf", "from=9e9", "from=2&to=1", "from=x&run=0", "to=-1"):
        assert browser.get(f"/jobs/{job.id}/traces.json?{odd}").json["time_ps"], odd
    for none in ("run=1", "run=-1"):
        assert browser.get(f"/jobs/{job.id}/traces.json?{none}").status_code == 404
    half = browser.get(f"/jobs/{job.id}/traces.json?from=1&to=2").json
    assert min(half["time_ps"]) >= 1 and max(half["time_ps"]) <= 2


def test_a_long_record_is_averaged_and_loses_nothing(membranes):
    job = sine(membranes)
    short = read_record(trajectory(job) / "record.h5")[0]
    repeats = 200
    columns = {name: np.tile(values, repeats) for name, values in short.columns.items()}
    columns["step"] = np.arange(1, len(columns["step"]) + 1) * short["step"][0]
    columns["T_trans_K"][::2] = np.nan  # sampled in every second row
    columns["potential_kJ_per_mol"][:] = np.nan
    long = Rows(columns)
    found = traces(long, protocol_of(job))
    assert POINTS / 2 < len(found["time_ps"]) <= POINTS
    panels = {panel["title"]: panel["lines"] for panel in found["panels"]}
    total = panels["current through the pore's slab"]["total"]
    whole = sum(long[f"{ion}_slab_e_nm"].mean() for ion in long.ions)
    recording = protocol_of(job).recording
    factor = E_PER_PS / (2 * recording.slab_half_width_nm * recording.sample_interval_ps)
    size = round(found["mean_over_ps"] / recording.sample_interval_ps)
    weights = np.full(len(total), size)
    weights[-1] = len(long) - size * (len(total) - 1)
    assert np.average(total, weights=weights) == pytest.approx(whole * factor, rel=1e-3, abs=1e-3)
    assert panels["temperature"]["translation"] == pytest.approx([300.0] * len(total))
    assert panels["potential energy"]["potential"] == [None] * len(total)


def test_a_running_job_shows_its_finished_parts(membranes, tmp_path):
    job = sine(membranes)
    whole = read_record(trajectory(job) / "record.h5")[0]
    steps = whole["step"]
    files = RecordFiles(tmp_path, job.id)
    first = whole.until(int(steps[4]))
    files.append(first)
    waters = int(first["water_in_pore"].sum())
    rest = {
        name: values[waters if name in ("theta_rad", "cos_dipole") else 5 :]
        for name, values in whole.columns.items()
    }
    assert len(rows_so_far(tmp_path, job.id)) == 5
    files.append(Rows(rest))
    found = rows_so_far(tmp_path, job.id)
    assert np.array_equal(found["step"], steps)
    assert np.array_equal(found["cos_dipole"], whole["cos_dipole"])
    assert rows_so_far(tmp_path / "none", job.id) is None
    with pytest.raises(RecordError, match="belongs to job"):
        rows_so_far(tmp_path, "another")


def test_the_last_configuration_is_whole(membranes):
    job = sine(membranes)
    point, state = point_of(job), last_state(job)
    model = build_model(point)
    frames = sorted(trajectory(job).glob("frames/*.gsd"))
    assert state.step == max(int(path.stem) for path in frames)
    found = json.loads(json.dumps(configuration(state, point)))
    names = [found["species"][k]["name"] for k in found["atoms"]]
    assert len(names) == model.n_atoms and names.count("O") == len(model.waters)
    places = np.array(found["places"]).reshape(-1, 3)
    bonds = places[model.waters[:, 1]] - places[model.waters[:, 0]]
    assert np.allclose(np.linalg.norm(bonds, axis=1), 0.1, atol=0.01)
    ions = places[[k for k, name in enumerate(names) if name in ("K", "Cl")]]
    assert (np.abs(ions) <= np.array(found["box"]) / 2 + 1e-3).all()
    radius = np.hypot(*places[found["in_pore"]].T[1:]) if found["in_pore"] else np.zeros(1)
    assert (radius < point.protocol.recording.pore_radius_nm + 1e-3).all()
