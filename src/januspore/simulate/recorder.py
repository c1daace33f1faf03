"""The recorder: turns an engine's configurations into rows of the record."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..engines.stretch import Observed, Sample
from ..model.state import State
from ..model.system import Model
from ..model.velocities import temperatures
from ..protocols import Recording
from .held import HeldIon
from .observables import (
    crossings,
    dipole_orientation,
    in_pore,
    reservoir_index,
    slab_displacement,
    wrap,
)
from .record import (
    HELD,
    RAGGED,
    Rows,
    columns_of,
)


@dataclass
class Recorder:
    """Takes a sample at the end of every sample interval; keeps the rows until they are drained."""

    model: Model
    recording: Recording
    timestep_ps: float
    held: HeldIon | None = None
    _x: dict[str, NDArray] = field(default_factory=dict)
    _reservoir: dict[str, NDArray] = field(default_factory=dict)
    _rows: list[dict[str, float]] = field(default_factory=list)
    _ragged: dict[str, list[NDArray]] = field(default_factory=dict)

    def begin(self, state: State) -> None:
        """Start, or go on after a restart, from a state and what it carried over."""
        edge, gate = self.model.box[0], self.recording.gate_nm
        for name in self.model.ion_charges:
            x = state.positions[self.model.indices(name), 0]
            self._x[name] = x
            nowhere = np.full(len(x), np.nan)
            start = reservoir_index(x, edge, gate, nowhere)
            self._reservoir[name] = state.carry.get(f"reservoir_{name}", start)
        self._ragged = {name: [] for name in RAGGED}
        if self.held:
            self.held.begin(state)

    def carry(self) -> dict[str, NDArray]:
        """Values that a checkpoint must keep for `begin`."""
        held = self.held.carry() if self.held else {}
        return {f"reservoir_{name}": value for name, value in self._reservoir.items()} | held

    @property
    def energy_steps(self) -> int:
        """Steps between the samples that also need velocities and the potential energy."""
        return round(self.recording.energy_interval_ps / self.timestep_ps)

    def sample(self, sample: Sample) -> None:
        """Add the row of the interval that a sample ends.

        Raises:
            FloatingPointError: a position is not finite (an engine may notice only much later).
        """
        step, field_V_per_nm, now = sample.step, sample.field_V_per_nm, sample.observed
        positions = now.positions
        if not np.isfinite(positions).all():
            raise FloatingPointError(f"the system blew up: a position is not finite at step {step}")
        row: dict[str, float] = {
            "step": step,
            "time_ps": step * self.timestep_ps,
            "field_V_per_nm": field_V_per_nm,
        }
        for name in self.model.ion_charges:
            row |= self._ion_columns(name, positions)
        row |= self._water_columns(positions)
        if self.held:
            begin = step * self.timestep_ps - self.recording.sample_interval_ps
            row |= self.held.columns(positions, field_V_per_nm, begin, row["time_ps"])
        row |= self._energy_columns(now)
        self._rows.append(row)

    def drain(self) -> Rows:
        """Hand over the rows taken since the last call."""
        kinds = columns_of(self.model.ion_charges) | (HELD if self.held else {})
        columns: dict[str, NDArray] = {
            name: np.array([row[name] for row in self._rows], dtype=kind)
            for name, kind in kinds.items()
        }
        for name in RAGGED:
            columns[name] = np.concatenate([np.zeros(0), *self._ragged[name]]).astype(np.float32)
        self._rows, self._ragged = [], {name: [] for name in RAGGED}
        return Rows(columns)

    def _energy_columns(self, now: Observed) -> dict[str, float]:
        translation = rotation = np.nan
        if now.velocities is not None:
            translation, rotation = temperatures(self.model, now.positions, now.velocities)
        potential = np.nan if now.potential_energy is None else now.potential_energy
        return {
            "T_trans_K": translation,
            "T_rot_K": rotation,
            "potential_kJ_per_mol": potential,
        }

    def _ion_columns(self, name: str, positions: NDArray) -> dict[str, float]:
        indices, recording, box = self.model.indices(name), self.recording, self.model.box
        where = positions[indices]
        # A barrier's held ion moves with its tether: it is no current, and not counted in the pore.
        free = indices != self.held.atom if self.held else np.ones(len(indices), dtype=bool)
        x, before = where[:, 0], self._x[name]
        sign = self.model.ion_charges[name]
        slab = slab_displacement(before, x - before, box[0], recording.slab_half_width_nm)
        reservoir = reservoir_index(x, box[0], recording.gate_nm, self._reservoir[name])
        forward, backward = crossings(self._reservoir[name][free], reservoir[free])
        inside = in_pore(where[free], box, recording.pore_half_length_nm, recording.pore_radius_nm)
        self._x[name], self._reservoir[name] = x, reservoir
        return {
            f"{name}_cell_e_nm": sign * float((x - before)[free].sum()),
            f"{name}_slab_e_nm": sign * float(slab[free].sum()),
            f"{name}_forward": forward,
            f"{name}_backward": backward,
            f"{name}_in_pore": int(inside.sum()),
        }

    def _water_columns(self, positions: NDArray) -> dict[str, float]:
        recording, waters, box = self.recording, self.model.waters, self.model.box
        x = np.abs(wrap(positions[waters[:, 0], 0], box[0]))
        # Dipoles are computed only for the few waters near the membrane.
        near = positions[waters[x < recording.pore_half_length_nm]]
        inside = near[
            in_pore(near[:, 0], box, recording.pore_half_length_nm, recording.pore_radius_nm)
        ]
        theta, cosine = dipole_orientation(inside[:, 0], inside[:, 1:])
        self._ragged["theta_rad"].append(theta)
        self._ragged["cos_dipole"].append(cosine)
        middle = x > box[0] / 2 - recording.bulk_width_nm
        return {"water_in_pore": len(inside), "water_in_bulk": int(middle.sum())}
