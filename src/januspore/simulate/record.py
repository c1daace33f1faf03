"""The record's files: one part for each chunk of a run, joined to one HDF5 file at its end.

HDF5 keeps no journal: a process that is killed while it appends can leave the whole file
unreadable. So every chunk of a run becomes a small file of its own, written whole or not at all.
The parts of a finished run are joined to `record.h5` in the same way.
"""

import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.base import PARTS
from ..errors import InputError
from ..files import check_fences, put_aside
from ..hdf5 import TornError, open_hdf5, write_hdf5
from ..materials import charge_of
from . import layout

#: One value a sample interval. `*_cell_e_nm` and `*_slab_e_nm` are sum q dx over the interval, for
#: the whole cell and for |x| < slab half width; `*_forward` and `*_backward` completed crossings.
#: A barrier's held ion is in none of the ions' columns.
#: Temperatures and the potential energy are taken every `recording.energy_interval_ps` and are NaN
#: in the rows between. Records of older versions have temperatures in every row.
_BEFORE: dict[str, type] = {"step": np.int64, "time_ps": np.float64, "field_V_per_nm": np.float64}
_OF_AN_ION: dict[str, type] = {
    "cell_e_nm": np.float64,
    "slab_e_nm": np.float64,
    "forward": np.int32,
    "backward": np.int32,
    "in_pore": np.int32,
}
_AFTER: dict[str, type] = {
    "water_in_pore": np.int32,
    "water_in_bulk": np.int32,
    "T_trans_K": np.float64,
    "T_rot_K": np.float64,
    "potential_kJ_per_mol": np.float64,
}


def columns_of(ions: Iterable[str]) -> dict[str, type]:
    """Names and types of the columns of a record with these ions, such as "K_cell_e_nm"."""
    own = {f"{ion}_{what}": kind for ion in ions for what, kind in _OF_AN_ION.items()}
    return _BEFORE | own | _AFTER


def _ions(names: Iterable[str]) -> tuple[str, ...]:
    """The ions that columns are about, the cation first."""
    found = [n.removesuffix("_cell_e_nm") for n in names if n.endswith("_cell_e_nm")]
    return tuple(sorted(found, key=charge_of, reverse=True))


#: Also in the record of a barrier: where the held ion is, which forces act on it along x at the end
#: of the interval, and the window that the interval samples (-1 for none).
HELD: dict[str, type] = {
    "held_x_nm": np.float64,
    "held_r_nm": np.float64,
    "tether_x_nm": np.float64,
    "tether_force_kJ_per_mol_nm": np.float64,
    **{f"force_{part}_kJ_per_mol_nm": np.float64 for part in PARTS},
    "window": np.int32,
}
#: Of each sample interval `water_in_pore` values, all intervals one after the other.
RAGGED = ("theta_rad", "cos_dipole")


REMEDY = "move it away, and the next run goes on from the newest state that the rows reach"


class RecordError(InputError):
    """A record is missing rows, doubled, or not readable."""


@dataclass(frozen=True)
class Rows:
    """Columns by name (see `columns_of`, `HELD`, `RAGGED`)."""

    columns: dict[str, NDArray]

    @property
    def ions(self) -> tuple[str, ...]:
        """Species of the ions that the record counts."""
        return _ions(self.columns)

    def __len__(self) -> int:
        return len(self.columns["step"])

    def __getitem__(self, name: str) -> NDArray:
        return self.columns[name]

    def until(self, step: int) -> "Rows":
        """Return the rows up to and including a step."""
        keep = int(np.searchsorted(self["step"], step, side="right"))
        waters = int(self["water_in_pore"][:keep].sum())
        ends = {name: waters if name in RAGGED else keep for name in self.columns}
        return Rows({name: value[: ends[name]] for name, value in self.columns.items()})


def join(pieces: list[Rows]) -> Rows:
    """Concatenate rows.

    Raises:
        RecordError: a step is missing from the time axis, or is there twice.
    """
    names = pieces[0].columns
    rows = Rows({name: np.concatenate([p[name] for p in pieces]) for name in names})
    spacing = np.diff(rows["step"])
    if len(spacing) and not (spacing == spacing[0]).all():
        raise RecordError("the record's time axis has a gap or a doubled row")
    return rows


def write_record(path: Path, rows: Rows, attributes: Mapping[str, Any]) -> None:
    """Write rows and attributes (JSON values) to an HDF5 file, aside and then renamed."""
    write_hdf5(path, rows.columns, attributes)


def read_record(path: Path, owner: str | None = None) -> tuple[Rows, dict[str, Any]]:
    """Read rows and attributes back.

    Raises:
        RecordError: the file is not a readable record, or one of another job than `owner` (where
            given).
    """
    try:
        with open_hdf5(path) as (file, attributes):
            held = HELD if "window" in file else ()
            columns = {name: file[name][()] for name in (*columns_of(_ions(file)), *held, *RAGGED)}
        # Records of older versions, and those of no job, do not name their owner.
        written_by = attributes.get("job_id", owner)
        if owner is not None and written_by != owner:
            raise RecordError(
                f"{path}: belongs to job {written_by}, not to {owner}; move it away, and the next "
                "run goes on without it"
            )
        return _whole(columns), attributes
    except RecordError:
        raise
    except TornError as error:
        raise RecordError(f"{path}: {error}; {REMEDY}") from None
    except Exception as error:  # a file of another program raises any of OSError, KeyError, ...
        raise RecordError(f"{path}: not a readable record ({error}); {REMEDY}") from None


def _whole(columns: dict[str, NDArray]) -> Rows:
    """Make rows of a file's columns: one row for each step, one angle for each water.

    Raises:
        ValueError: the columns' lengths or types do not fit together.
    """
    lengths = {len(values) for name, values in columns.items() if name not in RAGGED}
    waters = int(columns["water_in_pore"].sum())
    if len(lengths) != 1 or any(len(columns[name]) != waters for name in RAGGED):
        raise ValueError("columns of different lengths")
    if not all(v.ndim == 1 and np.issubdtype(v.dtype, np.number) for v in columns.values()):
        raise ValueError("columns that are not of numbers")
    if lengths == {0}:
        raise ValueError("no rows")
    return Rows(columns)


class RecordFiles:
    """A job's `record.h5` and the parts not yet joined to it."""

    def __init__(self, folder: Path, owner: str | None = None) -> None:
        self._owner = owner
        self._folder, self.path = folder, folder / layout.RECORD
        self._parts = folder / layout.PARTS

    def append(self, rows: Rows) -> None:
        """Write a part; it is completely on disk when this returns."""
        self._parts.mkdir(parents=True, exist_ok=True)
        about = {} if self._owner is None else {"job_id": self._owner}
        write_record(self._parts / f"{int(rows['step'][-1]):015d}.h5", rows, about)

    def rewind(self, step: int) -> None:
        """Drop every row after a step, as a restart will sample it again."""
        check_fences()
        for part in reversed(layout.parts_in(self._folder)):  # last first: a kill leaves no gap
            if int(part.stem) > step:
                part.unlink()
        if self.path.exists():
            rows, attributes = read_record(self.path, self._owner)
            if rows["step"][-1] > step:
                kept = rows.until(step)
                if len(kept):
                    write_record(self.path, kept, attributes)
                else:
                    self.path.unlink()

    def reach(self, first_step: int, spacing: int) -> int:
        """Return the last step up to which every row is on disk, whole and this job's own.

        A file that is damaged or belongs to another job is renamed, with a message.

        Args:
            first_step: step at which the rows begin.
            spacing: steps between two rows.
        """
        done = first_step
        for path in [self.path, *layout.parts_in(self._folder)]:
            if not path.exists():
                continue
            try:
                steps = read_record(path, self._owner)[0]["step"]
            except RecordError as error:
                print(f"put aside as {put_aside(path).name}: {error}", file=sys.stderr)
                continue
            if steps[0] > done + spacing:
                break
            done = max(done, int(steps[-1]))
        return done

    def consolidate(self, attributes: Mapping[str, Any]) -> None:
        """Join the parts to `record.h5`, then remove them; a kill at any point loses no row.

        Raises:
            RecordError: a row would be missing or doubled; nothing is changed.
        """
        whole = [read_record(self.path, self._owner)[0]] if self.path.exists() else []
        done = int(whole[0]["step"][-1]) if whole else -1
        parts = layout.parts_in(self._folder)
        fresh = [read_record(part, self._owner)[0] for part in parts if int(part.stem) > done]
        if fresh:
            write_record(self.path, join(whole + fresh), attributes)
        check_fences()
        if self._parts.exists():
            shutil.rmtree(self._parts)  # may also hold the unfinished file of a killed process
