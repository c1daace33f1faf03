"""The program `gmx`: finding it, reading its version and build, and running it."""

import ctypes
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import SettingError, StoppedError
from ..settings import gmx_set

#: Names looked for on PATH, in this order, unless JANUSPORE_GMX names the program.
_NAMES = ("gmx", "gmx_mpi")
#: Oldest version whose options these modules use; docs/engines.md says which one was run.
_OLDEST = 2020
#: Messages of GROMACS that mean that the system blew up.
_BLOWN_UP = ("settled", "not finite", "non-finite", "nan", "constraint", "extremely high")
#: Beginnings of the line in which GROMACS gives the reason of an error.
_REASON = re.compile(
    r"^(?:Fatal error|Error in user input|Inconsistency in user input|Feature not implemented"
    r"|System I/O error|File input/output error|Internal error[^\n]*|ERROR \d[^\n]*):\s*\n(.*?)"
    r"(?:\n\s*\n|\Z)",
    re.M | re.S,
)
#: Message of GROMACS when it ends after a signal with its checkpoint written.
_HEEDED = "signal, stopping within"
#: What a run says that came to its end. Where a signal came too late to stop it, its exit status is
#: not 0 then, either.
_FINISHED = "Performance:"
#: Seconds between two checks of a running program.
_LOOK_S = 0.1
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """An installed GROMACS.

    Attributes:
        path: its `gmx` program.
        version: such as "2022.5".
        precision: mixed or double.
        thread_mpi: whether it takes the options of GROMACS's own MPI.
        simd: instruction set that it was built for, such as "AVX2_256".
        gpu: GPU interface that it was built for, such as "CUDA", or "disabled".
    """

    path: str
    version: str
    precision: str
    thread_mpi: bool
    simd: str
    gpu: str

    def run(self, folder: Path, *arguments: str, answers: str = "") -> str:
        """Run one of its short tools and return the output.

        Raises:
            StoppedError: it failed.
        """
        command = [self.path, "-quiet", "-nobackup", *arguments]
        done = subprocess.run(
            command,
            cwd=folder,
            input=answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            raise StoppedError(_failure(arguments[0], done.returncode, done.stdout))
        return done.stdout

    def mdrun(
        self, folder: Path, *options: str, threads: int, over: Callable[[], bool] | None = None
    ) -> None:
        """Integrate; when `over` holds, signal the program to write a checkpoint and end.

        Raises:
            FloatingPointError: the system blew up.
            StoppedError: it failed otherwise, or something killed it.
        """
        ranks = ("-ntmpi", "1") if self.thread_mpi else ()
        command = [self.path, "-quiet", "-nobackup", "mdrun", *ranks, "-ntomp", str(threads)]
        said, asked = folder / "mdrun.out", False
        with said.open("wb") as sink:
            process = subprocess.Popen(
                [*command, *options],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                # GROMACS stops with an error where OMP_NUM_THREADS differs from -ntomp.
                env=os.environ | {"OMP_NUM_THREADS": str(threads)},
                # In a session of its own, so that Ctrl-C reaches only this process, which then ends
                # the program.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            try:
                while not _ended(process):
                    if over and not asked and over():
                        process.terminate()
                        asked = True
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        status = process.returncode
        text = said.read_text(encoding="utf-8", errors="replace")
        # The exit status is not 0 after a signal, also where the program wrote its checkpoint; a
        # signal that comes before GROMACS has set its handler kills it.
        in_order = _HEEDED in text or _FINISHED in text
        if status == 0 or in_order or (asked and status == -signal.SIGTERM):
            return
        told = _failure("mdrun", status, text)
        if any(sign in text.lower() for sign in _BLOWN_UP):
            raise FloatingPointError(f"the system blew up: {told}")
        raise StoppedError(f"{told}; run again to go on from the last checkpoint")


def is_installed() -> bool:
    """Whether the program and the library that reads its files are installed."""
    return _path() is not None and importlib.util.find_spec("chemfiles") is not None


def find() -> Program:
    """Return the program that JANUSPORE_GMX names, else the first of gmx and gmx_mpi on PATH.

    Raises:
        SettingError: there is none, it is not GROMACS or too old, or chemfiles is not installed.
    """
    path, named = _path(), gmx_set()
    if path is None:
        if named:
            raise SettingError(f"JANUSPORE_GMX = {named!r}: there is no such program")
        raise SettingError(
            "engine 'gromacs': neither gmx nor gmx_mpi is on PATH; install GROMACS, or let "
            "JANUSPORE_GMX name the program"
        )
    if importlib.util.find_spec("chemfiles") is None:
        raise SettingError(
            "engine 'gromacs' reads trajectories by chemfiles; pip install chemfiles"
        )
    return _program(path)


def _path() -> str | None:
    named = gmx_set()
    names = [named] if named else _NAMES
    return next(filter(None, map(shutil.which, names)), None)


@lru_cache
def _program(path: str) -> Program:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60)
        said = done.stdout.decode("utf-8", errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    told = dict(re.findall(r"^([\w ]+?):\s+(\S.*?)\s*$", said, re.M))
    version = re.match(r"(?:VERSION )?((\d{4})(?:\.\d+)?)", told.get("GROMACS version", ""))
    if not version:
        raise SettingError(f"{path} is not GROMACS, or not of {_OLDEST} or later (JANUSPORE_GMX)")
    if int(version[2]) < _OLDEST:
        raise SettingError(f"{path} is GROMACS {version[1]}; {_OLDEST} or later is needed")
    return Program(
        path=path,
        version=version[1],
        precision=told.get("Precision", "mixed"),
        thread_mpi=told.get("MPI library") == "thread_mpi",
        simd=told.get("SIMD instructions", "unknown"),
        gpu=told.get("GPU support", "disabled"),
    )


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(_LOOK_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _failure(tool: str, status: int, said: str) -> str:
    if status < 0:
        return f"gmx {tool} was ended by {signal.Signals(-status).name}"
    reasons = _REASON.findall(said)
    lines = said.strip().splitlines() or ["it said nothing"]
    return f"gmx {tool} failed: {' '.join((reasons or lines[-1:])[0].split())}"


def _die_with_parent() -> None:
    # Otherwise the program would continue after a kill of this process.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
