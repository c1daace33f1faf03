"""Stretches: where the driver divides a run, and engines that simulate a whole one at once."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import free_model, thermal_state, tiny_point
from toy import TOY_PROGRAMME, TOY_STEPS, ToyEngine, never, toy_run, toy_start

from januspore.engines.step_by_step import sample_of
from januspore.settings import Limits
from januspore.simulate.driver import Run, drive, stretch_ends
from januspore.simulate.held import HeldIon
from januspore.simulate.record import read_record


class AheadEngine(ToyEngine):
    """Simulates a stretch to its end before it returns the first sample, as GROMACS does."""

    def follow(self, stretch):
        self.asked = [*getattr(self, "asked", []), (self.step, stretch)]
        samples, most = [], 1 if stretch.seconds <= 0 else TOY_STEPS
        while self.step < stretch.end_step and len(samples) < most:
            field = stretch.mean_field(self.step + stretch.sample_steps)
            self.set_field(field)
            self.advance(stretch.sample_steps)
            samples.append(sample_of(self, field, stretch.energy_steps))
        yield from samples


def driven(folder, engine, limits):
    made = []
    drive(toy_run(folder), toy_start, lambda s: made.append(engine.load(s)) or engine, limits)
    return read_record(folder / "record.h5")[0]


@pytest.mark.parametrize("checkpoint_s", [0.0, 1e9])
def test_an_engine_that_runs_ahead_gives_the_same_record_as_step_by_step(tmp_path, checkpoint_s):
    expected = driven(tmp_path / "by step", ToyEngine(), Limits(1e9))
    found = driven(tmp_path / "ahead", AheadEngine(), Limits(checkpoint_s))
    for name, column in expected.columns.items():
        assert np.array_equal(found[name], column, equal_nan=True), name
    for frame in (tmp_path / "by step" / "frames").iterdir():
        assert (tmp_path / "ahead" / "frames" / frame.name).read_bytes() == frame.read_bytes()


def test_an_engine_that_ran_ahead_and_failed_continues_from_the_last_checkpoint(tmp_path):
    expected = driven(tmp_path / "whole", ToyEngine(), Limits(1e9))

    def fails(engine):
        if engine.step == 50:
            raise FloatingPointError("blew up")

    with pytest.raises(FloatingPointError):
        driven(tmp_path / "broken", AheadEngine(fails), Limits(0.0))
    again = AheadEngine()
    drive(toy_run(tmp_path / "broken"), never, again.load, Limits(0.0))
    assert again.asked[0][0] == 40
    found = read_record(tmp_path / "broken" / "record.h5")[0]
    for name, column in expected.columns.items():
        assert np.array_equal(found[name], column, equal_nan=True), name


def test_a_stretch_is_cut_at_segments_and_kept_frames_and_nowhere_else(tmp_path):
    engine = AheadEngine()
    driven(tmp_path, engine, Limits(1e9))
    segment = round(TOY_PROGRAMME.starts[1] / 0.002)
    frames = toy_run(tmp_path).frame_steps
    ends = [stretch.end_step for _, stretch in engine.asked]
    assert ends == sorted({segment, *frames} - {0})
    assert [step for step, _ in engine.asked] == [0, *ends[:-1]]


@pytest.mark.parametrize("settle_ps, charging_ps", [(0.2, 0.0), (0.2, 0.3), (0.1, 0.0)])
def test_within_a_stretch_the_tether_moves_in_a_straight_line(settle_ps, charging_ps):
    """With 0.1 ps of settling the tether stops in the middle of a sample interval."""
    times = {"settle_ps": settle_ps, "charging_ps": charging_ps}
    protocol = tiny_point("barrier", window_ps=0.2, approach_ps=0.3, **times).protocol
    model = free_model(1, 0, (1.3, 1.4, 1.5))
    held = HeldIon(model, protocol.windows, None)
    held.begin(thermal_state(model))
    run = Run(None, "", model, protocol, protocol.programme(), frozenset(), held=held)
    assert min(held.corners_ps()) == pytest.approx(0.3)  # the approach ends there
    ends = stretch_ends(run)
    assert ends[-1] == run.total_steps and all(end % run.steps_per_sample == 0 for end in ends)
    for begin, end in pairwise([0, *ends[ends[0] == 0 :]]):
        times = np.arange(begin, end + 1) * run.timestep_ps
        path = np.array([held.target(t) for t in times])
        line = path[0] + np.linspace(0, 1, len(times))[:, None] * (path[-1] - path[0])
        alone = end - begin == run.steps_per_sample  # a stretch of one sample
        assert alone or path == pytest.approx(line, abs=1e-9)
