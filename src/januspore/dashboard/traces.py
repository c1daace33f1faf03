"""A record against time for the plots, reduced to means over equal stretches of time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.current import current
from ..materials import label_of
from ..protocols import AnyProtocol
from ..simulate.layout import RECORD, branch, parts_in, trajectory
from ..simulate.record import RecordError, Rows, join, read_record

#: Most points of a trace, about the pixels of a plot.
POINTS = 1200


def rows_so_far(folder: Path, owner: str) -> Rows | None:
    """Return all rows of a trajectory or a branch that are on disk, None if there are none yet.

    While it is being simulated, these are the rows of its finished parts.

    Raises:
        RecordError: a file is damaged, or belongs to another job than `owner`.
    """
    pieces: list[Rows] = []
    for path in [folder / RECORD, *parts_in(folder)]:
        if not path.exists():
            continue
        try:
            rows = read_record(path, owner)[0]
        except RecordError:
            if path.exists():
                raise
            continue  # the part was joined to the record in the meantime
        if not pieces or rows["step"][-1] > pieces[-1]["step"][-1]:
            pieces.append(rows)
    return join(pieces) if pieces else None


def folders_of(job: Any, protocol: AnyProtocol) -> dict[str, Path]:
    """Return the folders of a job's rows by name: first the trajectory, then each branch."""
    delays = protocol.pairs.delays_ps if protocol.pairs else ()
    branches = {f"second pulse after {d:g} ps": branch(job, k) for k, d in enumerate(delays)}
    return {"trajectory": trajectory(job), **branches}


def traces(
    rows: Rows, protocol: AnyProtocol, start_ps: float | None = None, end_ps: float | None = None
) -> dict[str, Any]:
    """Return a record's traces between two times as JSON values.

    Args:
        rows: rows of the record.
        protocol: the job's protocol.
        start_ps, end_ps: the time to show; None: from the start, to the end.

    Returns:
        `time_ps`, shape (points,); `panels`, each with a `title`, a `unit` and `lines`, by name,
        shape (points,), None where nothing was sampled; `mean_over_ps`, the time that each point is
        the mean over.
    """
    recording = protocol.recording
    dt = recording.sample_interval_ps
    # A row belongs to the interval that ends at its step; its time is the middle.
    time = rows["step"] * protocol.dynamics.timestep_ps - dt / 2
    first = 0 if start_ps is None else int(np.searchsorted(time, start_ps))
    last = len(time) if end_ps is None else int(np.searchsorted(time, end_ps, side="right"))
    first = min(first, len(time) - 1)
    last = max(last, first + 1)
    size = max(1, -(-(last - first) // POINTS))
    starts = np.arange(first, last, size)

    def mean(values: NDArray) -> NDArray:
        """Mean over the finite samples of each stretch."""
        own = np.asarray(values[:last], dtype=float)
        there = np.isfinite(own)
        total = np.add.reduceat(np.where(there, own, 0.0), starts)
        number = np.add.reduceat(there.astype(float), starts)
        with np.errstate(invalid="ignore"):
            return total / number

    return {
        "time_ps": _plain(mean(time)),
        "mean_over_ps": size * dt,
        "panels": [
            {"title": title, "unit": unit, "lines": {k: _plain(v) for k, v in lines.items()}}
            for title, unit, lines in _panels(rows, protocol, mean)
        ],
    }


def _panels(
    rows: Rows, protocol: AnyProtocol, mean: Callable[[NDArray], NDArray]
) -> list[tuple[str, str, dict[str, NDArray]]]:
    recording = protocol.recording
    dt = np.array(recording.sample_interval_ps)
    width = 2 * recording.slab_half_width_nm
    slabs = {label_of(ion): current(mean(rows[f"{ion}_slab_e_nm"]), width, dt) for ion in rows.ions}
    waters = rows["water_in_pore"]
    cosines = _sums(rows["cos_dipole"], waters)
    with np.errstate(invalid="ignore", divide="ignore"):
        order = mean(cosines) / mean(waters)  # the mean over all waters of the stretch
    shown = [
        ("field along x", "V/nm", {"field": mean(rows["field_V_per_nm"])}),
        ("current through the pore's slab", "nA", {"total": sum(slabs.values()), **slabs}),
        ("order: mean cosine of the pore's water dipoles to +x", "", {"mean cosine": order}),
        ("waters in the pore", "", {"waters": mean(waters)}),
        (
            "temperature",
            "K",
            {"translation": mean(rows["T_trans_K"]), "rotation": mean(rows["T_rot_K"])},
        ),
        ("potential energy", "kJ/mol", {"potential": mean(rows["potential_kJ_per_mol"])}),
    ]
    if "held_x_nm" in rows.columns:
        held = {"held ion": mean(rows["held_x_nm"]), "tether": mean(rows["tether_x_nm"])}
        shown.insert(1, ("position of the held ion along x", "nm", held))
    return shown  # type: ignore[return-value]


def _sums(values: NDArray, counts: NDArray) -> NDArray[np.float64]:
    """Sum of each row's values, from flat `values` and each row's count; 0 for empty rows."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.cumsum(counts)
    return np.asarray(total[ends] - total[ends - counts])


def _plain(values: NDArray) -> list[float | None]:
    """Numbers for JSON, rounded to six digits; None for NaN."""
    rounded = [float(f"{v:.6g}") if np.isfinite(v) else None for v in values]
    return rounded
