"""Settings: environment variables, and the engine that a data space prefers.

None of them is part of a state point. Each variable is read here and nowhere else. `Resources`
says what an engine may use, `Limits` when a run writes checkpoints and stops, `Scheduling` what a
request to a scheduler needs.
"""

import math
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import SettingError

#: Names of the engines.
ENGINES = ("openmm", "hoomd", "gromacs")
#: Exit status of a process whose walltime was nearly up (EX_TEMPFAIL: run it again).
OUT_OF_TIME = 75
_STARTED = time.time()
_PREFIX = "JANUSPORE_"
#: Every variable that is read.
VARIABLES = tuple(
    _PREFIX + name
    for name in (
        "ATOM_STEPS_PER_S",
        "CHECKPOINT_SECONDS",
        "ENGINE",
        "GMX",
        "JOBS_PER_GPU",
        "MARGIN_SECONDS",
        "MAX_HOURS",
        "PLATFORM",
        "PRECISION",
        "QUIET",
        "THREADS",
        "WALLTIME_MINUTES",
    )
)


def warn_of_misspelt() -> None:
    """Warn of each unknown variable with this package's prefix, and name the most similar one."""
    for key in sorted(os.environ):
        if key.startswith(_PREFIX) and key not in VARIABLES:
            near = get_close_matches(key, VARIABLES, n=1, cutoff=0.0)[0]
            print(f"warning: {key}: no such setting; is it {near}?", file=sys.stderr)


def number(key: str, least: float, most: float = math.inf, whole: bool = False) -> float | None:
    """Read a number from an environment variable; None where it is empty or not set.

    Raises:
        SettingError: it is not a number, or not one that is allowed.
    """
    text = os.environ.get(key, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and least <= value <= most) or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        span = f"of at least {least:g}" if math.isinf(most) else f"from {least:g} to {most:g}"
        raise SettingError(f"{key} = {text!r}: must be {kind} {span}")
    return value


def threads_set() -> int | None:
    """Read JANUSPORE_THREADS; None where it is not set.

    Raises:
        SettingError: it is not a whole number from 1 to 1024.
    """
    given = number("JANUSPORE_THREADS", least=1, most=1024, whole=True)
    return None if given is None else int(given)


def gmx_set() -> str | None:
    """Read JANUSPORE_GMX, GROMACS's program; None where it is not set."""
    return os.environ.get("JANUSPORE_GMX") or None


def quiet() -> bool:
    """Whether JANUSPORE_QUIET asks for no bars of progress."""
    return bool(os.environ.get("JANUSPORE_QUIET"))


def engine_set() -> str | None:
    """Read JANUSPORE_ENGINE; None where it is not set."""
    return os.environ.get("JANUSPORE_ENGINE") or None


@dataclass(frozen=True)
class Resources:
    """What a run may use, apart from the physics.

    Attributes:
        engine: its name; None: `engines.choose` decides.
        platform: by the engine's own name; None: the fastest.
        precision: single, mixed or double; None: the engine's default.
        threads: CPU threads.
        scratch: folder for an engine's temporary files; None: the system's.
    """

    engine: str | None = None
    platform: str | None = None
    precision: str | None = None
    threads: int = 1
    scratch: Path | None = None

    @classmethod
    def from_environment(cls, threads: int | None = None) -> "Resources":
        """Read JANUSPORE_ENGINE, JANUSPORE_PLATFORM, JANUSPORE_PRECISION, JANUSPORE_THREADS.

        Threads default to what the operation asks for, bounded by the CPUs this process may use.

        Raises:
            SettingError: JANUSPORE_THREADS is not usable.
        """
        env = os.environ
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return cls(
            engine=engine_set(),
            platform=env.get("JANUSPORE_PLATFORM") or None,
            precision=env.get("JANUSPORE_PRECISION") or None,
            threads=threads_set() or max(1, min(threads or 1, cpus or 1)),
        )


@dataclass(frozen=True)
class Limits:
    """Wall times in seconds.

    Attributes:
        checkpoint_s: between two checkpoints.
        end: when the process will be killed, in seconds of `time.time`.
        margin_s: how long before `end` a run writes its last checkpoint: long enough for one sample
            interval and for writing the files.
    """

    checkpoint_s: float = 30.0
    end: float = math.inf
    margin_s: float = 120.0

    @classmethod
    def from_environment(cls) -> "Limits":
        """Read JANUSPORE_CHECKPOINT_SECONDS, ..._WALLTIME_MINUTES, ..._MARGIN_SECONDS.

        The walltime counts from the start of the process. Without it, SLURM's own end of the job
        holds (SLURM_JOB_END_TIME, since SLURM 22.05).

        Raises:
            InputError: one of them is not a number, or is negative.
        """
        walltime = number("JANUSPORE_WALLTIME_MINUTES", least=0)
        end = (
            number("SLURM_JOB_END_TIME", least=0) if walltime is None else _STARTED + 60 * walltime
        )
        checkpoint = number("JANUSPORE_CHECKPOINT_SECONDS", least=0)
        margin = number("JANUSPORE_MARGIN_SECONDS", least=0)
        return cls(
            checkpoint_s=cls.checkpoint_s if checkpoint is None else checkpoint,
            end=cls.end if end is None else end,
            margin_s=cls.margin_s if margin is None else margin,
        )

    def near_end(self) -> bool:
        """Whether it is time for the last checkpoint."""
        return time.time() >= self.end - self.margin_s


# --- what a data space prefers -----------------------------------------------------------------

# `check` measures which engine is fastest on a kind of machine and writes its name down. That is a
# preference: JANUSPORE_ENGINE overrides it, it is ignored where that engine is not installed, and a
# job that has begun keeps its own engine.

#: Key of the project document. Its value gives an engine's name for each measured one of `KINDS`.
KEY = "preferred_engine"
KINDS = ("gpu", "cpu")

_preferred: dict[str, str] = {}


def prefer(engines: Any) -> None:
    """Set the preference of a data space: the value of its document's `KEY`, or None.

    Entries that are not an engine's name for one of `KINDS` are ignored.
    """
    _preferred.clear()
    if isinstance(engines, Mapping):
        _preferred.update({k: v for k, v in engines.items() if k in KINDS and isinstance(v, str)})


def preferred() -> dict[str, str]:
    """Return the preferred engine's name for each kind of machine that has one."""
    return dict(_preferred)


@dataclass(frozen=True)
class Scheduling:
    """What a request to a scheduler needs besides the state point.

    Attributes:
        engine: name of the engine that will run.
        jobs_per_gpu: simulations side by side on one GPU; 0 runs them on the CPU.
        threads: CPU threads of a simulation; None follows from its size.
        atom_steps_per_s: atoms times steps a second of one simulation, None as assumed here.
        most_hours: no simulation asks for more walltime.
    """

    engine: str = "openmm"
    jobs_per_gpu: int = 0
    threads: int | None = None
    atom_steps_per_s: float | None = None
    most_hours: float = 24.0

    @classmethod
    def from_environment(cls) -> "Scheduling":
        """Read JANUSPORE_ENGINE, _JOBS_PER_GPU, _THREADS, _ATOM_STEPS_PER_S and _MAX_HOURS.

        Raises:
            SettingError: one of them is not usable.
        """
        on_gpu = number("JANUSPORE_JOBS_PER_GPU", least=0, most=48, whole=True)
        likely = preferred().get("gpu" if on_gpu else "cpu")
        engine = engine_set() or (likely if likely in ENGINES else "openmm")
        if engine not in ENGINES:
            allowed = ", ".join(ENGINES)
            raise SettingError(f"JANUSPORE_ENGINE = {engine!r}: must be one of {allowed}")
        return cls(
            engine=engine,
            jobs_per_gpu=int(on_gpu or 0),
            threads=threads_set(),
            atom_steps_per_s=number("JANUSPORE_ATOM_STEPS_PER_S", least=1.0, most=1e12),
            most_hours=number("JANUSPORE_MAX_HOURS", least=0.1, most=8760) or cls.most_hours,
        )
