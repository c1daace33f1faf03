"""Kept frames of a job: their fields, and the ions at the ends of a held ion's windows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import free_model, thermal_state, tiny_point

from januspore.analysis.frames import end_sums, frame_sums, kept_frames
from januspore.analysis.hydration import hydration_sums
from januspore.model.state import write_state
from januspore.simulate.layout import frame


def planted(folder, model, point, states):
    """A job with the given frames, by time in ps."""
    job = SimpleNamespace(id="j", path=str(folder))
    for time_ps, state in states.items():
        step = round(time_ps / point.protocol.dynamics.timestep_ps)
        path = frame(job, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_state(path, model, replace(state, step=step), job.id)
    return job


def test_frames_come_in_time_with_their_field_and_torn_ones_are_named(tmp_path, capsys):
    model, point = free_model(1, 0, (2.0, 2.0, 2.0)), tiny_point("sine", frequency_GHz=25.0)
    states = {time: thermal_state(model, k) for k, time in enumerate((30.0, 5.0, 10.0))}
    job = planted(tmp_path, model, point, states)
    found = list(kept_frames(job, point))
    fields = 1.2 * np.sin(2 * np.pi * np.array([5.0, 10.0, 30.0]) / 40.0)
    assert [field for field, _ in found] == pytest.approx(fields)
    for (_, state), time in zip(found, (5.0, 10.0, 30.0), strict=True):
        assert (state.positions == states[time].positions).all()
    path = frame(job, round(10.0 / 0.002))
    path.write_bytes(path.read_bytes()[:-1])
    assert len(list(kept_frames(job, point))) == 2
    assert "frame left out: " in capsys.readouterr().err
    # Frames of another job are left out as well.
    assert list(kept_frames(SimpleNamespace(id="k", path=str(tmp_path)), point)) == []


def test_hydration_of_a_job_is_that_of_its_frames_in_its_own_field(tmp_path):
    model = free_model(2, 3, (4.0, 2.0, 2.0))
    point = tiny_point("sine", frequency_GHz=25.0)
    states = {time: thermal_state(model, k) for k, time in enumerate((2.0, 10.0, 33.0))}
    found = frame_sums(planted(tmp_path, model, point, states), point, model)
    frames = [(1.2 * np.sin(2 * np.pi * t / 40.0), s.positions) for t, s in states.items()]
    wanted = hydration_sums(frames, 1.2, model, point.protocol.recording)
    assert all(found[name] == pytest.approx(values) for name, values in wanted.items())
    assert found["profile_frames"].tolist() == [1, 1, 1]


def test_ions_at_the_ends_are_those_of_the_held_species_but_the_held_one(tmp_path):
    """Of three Cl- the first is held in the middle and one is at the lower end; K+ do not count."""
    point = tiny_point(
        "barrier",
        ion="Cl",
        fields_V_per_nm=[0.3],
        positions_nm=[-1.0, 0.0, 1.0],
        approach_ps=2.0,
        charging_ps=45.0,
        settle_ps=2.0,
        window_ps=10.0,
    )
    middle = next(w for w in point.protocol.windows.visits if w.position == 1)
    model = free_model(3, 0, (3.6, 2.0, 2.0))
    state = thermal_state(model)
    state.positions[:, 0] = [-1.0, -1.0, 1.0, 0.0, -0.9, 1.5]
    times = (middle.sampled_ps + 1.0, middle.sampled_ps - 1.0)
    job = planted(tmp_path, model, point, dict.fromkeys(times, state))
    found = end_sums(job, point, model)
    assert found["end_frames"].tolist() == [[1, 1]] and found["end_ions"].tolist() == [[1, 0]]
