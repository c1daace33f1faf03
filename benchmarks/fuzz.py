"""Test input of users and files with a coverage-guided fuzzer, and count unhandled errors.

    python benchmarks/fuzz.py --inputs 1000 --output fuzz.json

Every input must be accepted or refused by an `InputError` of one line. Any other exception, or an
input that takes over 20 s, is a failure, which is stored beside the corpus to be replayed.
The fuzzer is atheris (`pip install atheris`), which wraps libFuzzer: it keeps inputs that reach new
code of this package and changes them further. `tests/test_fuzz.py` replays the corpus without it.
Exit status 1 if an input failed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "corpus"
SECONDS = 20
#: Keys of a protocol's sections; other keys are refused.
SECTIONS = {
    "cell": ("repeats_y", "repeats_z", "reservoir_nm", "pore_diameter_nm", "pore_cut", "salt"),
    "dynamics": ("timestep_fs", "temperature_K", "thermostat_tau_ps", "cutoff_nm"),
    "recording": ("sample_interval_ps", "energy_interval_ps", "frame_interval_ps", "gate_nm"),
    "equilibration": ("count", "relax_ps", "snapshot_interval_ps"),
}


def refused(act: Callable[[], object]) -> bool:
    """Return whether a call is refused; the message must be one line and not empty."""
    from januspore.errors import InputError

    try:
        act()
    except InputError as error:
        told = str(error)
        if len(told) <= 10 or len(told.splitlines()) != 1:
            raise AssertionError(f"refused without a word: {told!r}") from error
        return True
    return False


#: Values at limits, or of other types than those of the keys.
VALUES = [
    *(0, 1, -1, 2, 7, 1000, 2**31, 2**63, 10**400),
    *(0.0, -0.0, 0.1, 0.85, 1.4, 3.0, 6.0, 1e-9, 1e-10, 1e7, 1e308, -1e308),
    *(float("nan"), float("inf"), True, False, None, "", "0.1", "sine", "MoS2", "\n", "\ud800"),
    *([], {}, [0.0], [1.0, 1.0], [[1]], {"name": "sine"}, [0.1] * 300),
]


def edited(data: bytes) -> dict[str, Any]:
    """A changed state point of the corpus: a byte chooses it, then two bytes each key and value."""
    seeds = sorted((CORPUS / "state_point").glob("seed-*.json"))
    point = json.loads(seeds[data[0] % len(seeds)].read_bytes())
    protocol = point["protocol"]
    places = [(table, key) for table in (point, point["charge_set"], protocol) for key in table]
    places += [(protocol.setdefault(s, {}), key) for s, keys in SECTIONS.items() for key in keys]
    for where, what in zip(data[1::2], data[2::2], strict=False):
        table, key = places[where % len(places)]
        table[key] = VALUES[what % len(VALUES)]
    for section in SECTIONS:
        if isinstance(point.get("protocol"), dict) and protocol.get(section) == {}:
            del protocol[section]
    return point


def a_state_point(data: bytes) -> None:
    """JSON of a state point, or changes to one: validated, written, counted, its parent found."""
    from signac.job import calc_id

    from januspore.model.system import count
    from januspore.schema import parent_of, state_point
    from januspore.space.dataspace import dump

    try:
        raw = json.loads(data) if data[:1] in b"{" else edited(data)
    except (ValueError, RecursionError):
        return

    def act() -> None:
        point = state_point(raw)
        kept = dump(point)
        # The stored state point must be read back unchanged, or a job would have two ids.
        assert calc_id(dump(state_point(json.loads(json.dumps(kept))))) == calc_id(kept)
        assert point.protocol.simulated_ps() > 0
        parent_of(point)
        assert count(point).atoms > 0

    refused(act)


def a_study(data: bytes) -> None:
    """A TOML file: loaded, and expanded to state points."""
    from januspore.space.study import load_study

    path = _scratch() / "study.toml"
    path.write_bytes(data)
    refused(lambda: load_study(str(path)).state_points())


def a_filter(data: bytes) -> None:
    """Words of a filter, one per line, applied to a data space of two jobs."""
    from januspore.products.results import parse_filter, results

    words = data.decode(errors="replace").split("\n")
    refused(lambda: results(_space(), parse_filter(words)))


def a_record(data: bytes) -> None:
    """A record with damaged bytes, or one with changed content.

    An even first byte means changes of bytes, each by three bytes for the position, one for the
    kind and one for the value; the checksum must detect them, as HDF5 may crash on such files. An
    odd first byte means changes of the content, each by two bytes, with a valid checksum.
    """
    from januspore.simulate.record import read_record

    path = _scratch() / "record.h5"
    content, mark, digest = _record().rpartition(b"\njanuspore sha256 ")
    damaged = _damaged(content, data[1:]) if data[:1] and data[0] % 2 == 0 else content
    path.write_bytes(damaged + mark + digest)
    if data[:1] and data[0] % 2:
        _write_otherwise(path, data[1:])

    def act() -> None:
        rows, _ = read_record(path)
        rows.until(int(rows["step"][-1]))

    assert refused(act) or damaged == content


def _damaged(content: bytes, data: bytes) -> bytes:
    changed = bytearray(content)
    for k in range(0, len(data) - 4, 5):
        at, (kind, value) = int.from_bytes(data[k : k + 3], "big"), data[k + 3 : k + 5]
        at %= max(len(changed), 1)
        if kind % 4 == 0:
            changed[at : at + 1] = bytes([value])
        elif kind % 4 == 1:
            changed[at : at + 1] = bytes(byte ^ (1 << value % 8) for byte in changed[at : at + 1])
        elif kind % 4 == 2:
            del changed[at : at + value]
        else:
            changed[at:at] = bytes([value])
    return bytes(changed)


def _write_otherwise(path: Path, data: bytes) -> None:
    import h5py
    import numpy as np

    from januspore.files import seal

    path.write_bytes(_record().rpartition(b"\njanuspore sha256 ")[0])
    instead: list[Callable[[h5py.File, str], object]] = [
        lambda file, name: None,
        lambda file, name: file.create_group(name),
        lambda file, name: file.__setitem__(name, np.dtype("f8")),
        lambda file, name: file.create_dataset(name, data=3.0),
        lambda file, name: file.create_dataset(name, data=np.zeros((8, 2))),
        lambda file, name: file.create_dataset(name, data=np.zeros(0)),
        lambda file, name: file.create_dataset(name, data=np.full(8, np.nan)),
        lambda file, name: file.create_dataset(name, data=np.full(8, -(2**62))),
        lambda file, name: file.create_dataset(name, data=np.full(8, 2**62)),
        lambda file, name: file.create_dataset(name, data=[b"text"] * 8),
        lambda file, name: file.create_dataset(name, data=h5py.Empty("f8")),
        lambda file, name: file.create_dataset(name, data=np.ones(9)),
    ]
    attributes = ["{", "[]", "null", "1e999", '{"job_id": 3}', "3", "{}"]
    with h5py.File(path, "r+") as file:
        names = [*file, "window"]
        for where, what in zip(data[::2], data[1::2], strict=False):
            place = where % (len(names) + 1)
            if place == len(names):
                file.attrs["attributes"] = attributes[what % len(attributes)]
                continue
            if names[place] in file:
                del file[names[place]]
            instead[what % len(instead)](file, names[place])
    seal(path)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "state_point": a_state_point,
    "study": a_study,
    "filter": a_filter,
    "record": a_record,
}


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz"))


@cache
def _space() -> object:
    from januspore.schema import state_point
    from januspore.space.dataspace import dump, open_project

    project = open_project(_scratch())
    for seed in (CORPUS / "state_point").glob("seed-*.json"):
        project.open_job(dump(state_point(json.loads(seed.read_bytes())))).init()
    return project


@cache
def _record() -> bytes:
    import numpy as np

    from januspore.simulate.record import RAGGED, Rows, columns_of, write_record

    columns = {name: np.arange(1, 9).astype(kind) for name, kind in columns_of(("K", "Cl")).items()}
    columns["water_in_pore"][:] = 1
    columns |= {name: np.zeros(8, dtype=np.float32) for name in RAGGED}
    path = _scratch() / "whole.h5"
    write_record(path, Rows(columns), {"job": "0"})
    return path.read_bytes()


def main() -> int:
    """Fuzz every target in a process of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="of each target")
    parser.add_argument("--target", action="append", choices=TARGETS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for new inputs and failures")
    parser.add_argument("--output", type=Path, help="JSON of the counts")
    parser.add_argument("--only", choices=TARGETS, help=argparse.SUPPRESS)
    options, more = parser.parse_known_args()
    if options.only:
        _fuzz(options.only, more)
    keep = options.keep or Path(tempfile.mkdtemp(prefix="fuzz"))
    counts = [
        _run(target, options.inputs, options.seed, keep) for target in options.target or TARGETS
    ]
    for told in counts:
        print(
            "{target}: {inputs} inputs, {covered} places of the code, {failures} failures".format(
                **told
            )
        )
    if options.output:
        options.output.write_text(json.dumps(counts, indent=1) + "\n")
    return int(any(told["failures"] for told in counts))


def _run(target: str, inputs: int, seed: int, keep: Path) -> dict[str, object]:
    new, failed = keep / target, keep / "failed"
    new.mkdir(parents=True, exist_ok=True)
    failed.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "--only", target, f"-runs={inputs}", f"-seed={seed}"]
    command += [f"-timeout={SECONDS}", "-max_len=4096", "-rss_limit_mb=4096"]
    command += [f"-artifact_prefix={failed}/{target}-", str(new), str(CORPUS / target)]
    done = subprocess.run(command, capture_output=True, text=True)
    log = done.stdout + done.stderr
    (keep / f"{target}.log").write_text(log)
    covered = [int(number) for number in re.findall(r"\bcov: (\d+)", log)]
    tried = [int(number) for number in re.findall(r"^#(\d+)", log, re.M)]
    return {
        "target": target,
        "inputs": max(tried, default=0),
        "covered": max(covered, default=0),
        "failures": int(done.returncode != 0),
        "told": (re.findall(r"^ *=== Uncaught.*?\n(.*)$", log, re.M) or [""])[0],
    }


def _fuzz(target: str, arguments: list[str]) -> None:
    """Run libFuzzer in this process, which it ends."""
    import atheris

    with atheris.instrument_imports(include=["januspore"]), redirect_stdout(StringIO()):
        import januspore.products.results
        import januspore.simulate.record
        import januspore.space.dataspace
        import januspore.space.study  # noqa: F401

    def one_input(data: bytes) -> None:
        with redirect_stderr(StringIO()):
            TARGETS[target](data)

    atheris.Setup([sys.argv[0], *arguments], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
