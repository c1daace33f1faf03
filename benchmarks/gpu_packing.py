"""Aggregate speed of N simulations side by side on one GPU, with CUDA MPS where it is installed.

    CUDA_VISIBLE_DEVICES=0 python benchmarks/gpu_packing.py --cells tiny small paper

Every simulation is a process of its own, as in a packed submission; all are timed from the same
moment, sampling included. Prints the sum of their speeds, ns/day, and its ratio to one alone. Set
JANUSPORE_JOBS_PER_GPU to the N above which the sum hardly grows, and JANUSPORE_ATOM_STEPS_PER_S to
the last column. With JANUSPORE_PLATFORM=CPU (OpenMM) the processes share the CPUs instead.

It has not been run on a GPU yet.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from januspore.check.beside import mps, side_by_side
from januspore.check.cells import CELLS
from januspore.check.machine import cpus, machine
from januspore.check.trial import prepare
from januspore.engines import Resources


def main() -> int:
    options = _options()
    resources = Resources.from_environment(1)
    on_cpu = (resources.platform or "").lower() == "cpu"
    results = []
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.nullcontext(False) if on_cpu else mps() as served,
    ):
        for cell in options.cells:
            prepare(Path(folder), Resources("openmm", threads=cpus()), cell)
            alone = None
            for count in options.counts:
                told = side_by_side(Path(folder), resources, cell, count, options.seconds)
                alone = alone or told["ns_per_day"] / count
                results.append({"mps": served, **told, "gain": told["ns_per_day"] / alone})
                print(_line(results[-1]), flush=True)
    if options.output:
        report = {"machine": machine(), "results": results}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=["small", "paper"])
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=30.0, help="to count steps for")
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


def _line(result: dict[str, Any]) -> str:
    return (
        f"{result['cell']:6s} {result['side_by_side']:2d} side by side on "
        f"{result['engine']['platform']}{' with MPS' if result['mps'] else ''}: "
        f"{result['ns_per_day']:8.2f} ns/day, {result['gain']:.2f} times one alone, "
        f"{result['atom_steps_per_s_each']:.3g} atom steps/s each"
    )


if __name__ == "__main__":
    sys.exit(main())
