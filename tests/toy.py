"""A fast toy engine, for tests that kill, stop and damage many runs."""

import signal
from dataclasses import dataclass, replace

import numpy as np
from helpers import free_model, short_protocol, thermal_state

from januspore.engines.step_by_step import StepByStep
from januspore.engines.stretch import Observed
from januspore.model.state import State
from januspore.protocols.field import Constant, Sequence, SineWave
from januspore.settings import Limits
from januspore.simulate.driver import Run, drive
from januspore.simulate.record import read_record
from januspore.units import VOLT_PER_NM

TOY = free_model(3, 0, (1.3, 1.3, 1.3))
TOY_STEPS = 60
TOY_PROGRAMME = Sequence((Constant(0.04, 1.0), SineWave(0.08, 2.0, 8000.0)))


@dataclass
class ToyEngine(StepByStep):
    """Free motion in the field, with an engine variable; `at_step` is called at every step."""

    at_step: object = None
    name: str = "toy"
    step: int = 0

    def load(self, state):
        self.step, self.x, self.v = state.step, state.positions.copy(), state.velocities.copy()
        self.memory = state.native.get("memory", np.zeros(1)).copy()
        return self

    def save(self):
        native = {"memory": self.memory.copy()}
        return State(self.x.copy(), self.v.copy(), TOY.box, self.step, self.name, native)

    def set_field(self, field):
        self.field = field

    def advance(self, steps):
        for _ in range(steps):
            self.memory = np.cos(self.memory + self.v[0, 0])
            self.v[:, 0] += 0.002 * TOY.charge * self.field * VOLT_PER_NM / TOY.mass
            self.v[:, 1] += 0.01 * self.memory
            self.x += 0.002 * self.v
            self.step += 1
        if self.at_step:
            self.at_step(self)

    def observe(self, energies):
        if not energies:
            return Observed(self.x.copy())
        return Observed(self.x.copy(), self.v.copy(), float(self.memory[0]))


def toy_start():
    state = thermal_state(TOY)
    return replace(state, velocities=state.velocities * 30.0)  # fast enough to cross the pore


def toy_run(folder):
    told = {"engine": "toy"}
    frames = frozenset({0, 20, TOY_STEPS})
    return Run(folder, "toy", TOY, short_protocol(), TOY_PROGRAMME, frames, attributes=lambda: told)


def toy_drive(folder, at_step=None, initial=toy_start, seconds=0.0):
    drive(toy_run(folder), initial, lambda s: ToyEngine(at_step).load(s), Limits(seconds))


def never(*_):
    raise AssertionError("must not be called")


def assert_as_if_never_interrupted(folder, uninterrupted):
    found, attributes = read_record(folder / "record.h5")
    expected, _ = read_record(uninterrupted / "record.h5")
    for name, column in expected.columns.items():
        assert np.array_equal(found[name], column, equal_nan=True), name
    assert attributes == {"engine": "toy"}
    for frame in sorted((uninterrupted / "frames").iterdir()):
        assert (folder / "frames" / frame.name).read_bytes() == frame.read_bytes()
    assert not [p for p in folder.rglob("*") if p.name.endswith(".tmp")]
    assert not (folder / "parts").exists()


def stop_by(number, step):
    def at_step(engine):
        if engine.step == step:
            signal.raise_signal(number)

    return at_step


def straight_run(folder):
    """Simulate without interruption, and return the folder."""
    toy_drive(folder, seconds=1e9)
    rows, _ = read_record(folder / "record.h5")
    assert rows["step"].tolist() == list(range(10, TOY_STEPS + 1, 10))
    assert rows["K_forward"].sum() + rows["K_backward"].sum() > 0
    return folder


def tree_of(folder):
    """Modification times of all files and folders below a folder, by path."""
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*.*")}
