"""The same programme on two engines from the same equilibrated states, over many seeds.

    python benchmarks/ensemble_parity.py --folder parity --seeds 0:8 --hold-ps 12 --output out.json
    python benchmarks/ensemble_parity.py --folder wide --cell wide --seeds 0:24 --equilibrations 24

Means are taken once each hold has settled; the charging current is the whole cell's while it
settles, where no ion passes the pore the only current there is.

The folder holds two data spaces. The first engine equilibrates in the first; the second gets a copy
of that. Each seed's staircase (up, then down the same fields) is then simulated and analysed
in both, one engine in each. What is done is not done again: run it again to go on, or with more
seeds. The table is printed, and the JSON written, after every seed from the second on.

Differences are paired by seed: both runs of a seed start from one configuration, and seeds that
share an equilibration are alike on both sides, so what a start has that the mean has not cancels.
The bootstrap draws seeds, never runs, so that a pair stays one. Where the runs of a pair forget
their start, pairing costs nothing but degrees of freedom. Each row is tested at 95 % by itself: of
twenty rows of two equal engines, one is expected to differ.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januspore.analysis.current import current
from januspore.analysis.orientation import circular_std
from januspore.analysis.statistics import bootstrap, by_cluster
from januspore.analysis.store import write_json
from januspore.check.cells import CELLS, CHARGES
from januspore.check.machine import machine
from januspore.errors import InputError
from januspore.products.ensemble import Ensemble
from januspore.protocols import required
from januspore.run import operations
from januspore.schema import StatePoint, state_point
from januspore.simulate.layout import RECORD, trajectory
from januspore.simulate.record import read_record
from januspore.space import conditions, provenance
from januspore.space.dataspace import open_project, parent_job
from januspore.space.plan import carry_out, plan
from januspore.space.study import parse_seeds

#: Ions pass the wide pore within picoseconds, at 2.4 V/nm about one each.
_WIDE = {
    "repeats_y": 8,
    "repeats_z": 5,
    "reservoir_nm": 1.2,
    "pore_diameter_nm": 2.0,
    "salt_mol_per_L": 3.0,
}
_CELLS = CELLS | {"wide": {"cell": _WIDE, "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.9}}}
#: Quantities with their units; those whose sign or size follows the field's are not pooled.
QUANTITIES = {
    "current, pore slab": "nA",
    "current, whole cell": "nA",
    "charging current": "nA",
    "sigma_theta": "rad",
    "mean cosine": "",
    "waters in the pore": "",
    "reservoir density": "1/nm3",
    "T_trans": "K",
    "T_rot": "K",
}
DIRECTED = tuple(QUANTITIES)[:5]
#: Columns of the record that are averaged over samples as they are.
_AVERAGED = ("water_in_pore", "water_in_bulk", "T_trans_K", "T_rot_K")


def main() -> int:
    options = _options()
    try:
        points = [_point(options, seed) for seed in parse_seeds(options.seeds)]
        return compare(points, options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="of the two data spaces")
    parser.add_argument("--engines", nargs=2, default=["openmm", "gromacs"], metavar="NAME")
    parser.add_argument("--cell", choices=list(_CELLS), default="tiny")
    parser.add_argument("--seeds", default="0:8", help="0:8 (8 excluded) or 0,3,7")
    parser.add_argument("--fields", nargs="+", type=float, default=[1.2], help="V/nm")
    parser.add_argument("--hold-ps", type=float, default=12.0, help="of each field, up and down")
    parser.add_argument("--settle-ps", type=float, default=3.0, help="left out after each step")
    parser.add_argument("--equilibrations", type=int, default=4)
    parser.add_argument("--relax-ps", type=float, default=10.0, help="of each equilibration")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    if not 0 <= options.settle_ps < options.hold_ps:
        parser.error(f"--settle-ps {options.settle_ps:g}: must be from 0 to below --hold-ps")
    return options


def _point(options: argparse.Namespace, seed: int) -> StatePoint:
    protocol = {
        "name": "staircase",
        **_CELLS[options.cell],
        "holds_V_per_nm": options.fields,
        "hold_ps": options.hold_ps,
        "equilibration": {
            "count": options.equilibrations,
            "relax_ps": options.relax_ps,
            "snapshot_interval_ps": options.relax_ps / 2,
        },
    }
    return state_point({"charge_set": CHARGES, "protocol": protocol, "seed": seed})


def compare(points: list[StatePoint], options: argparse.Namespace) -> int:
    """Simulate what is missing, seed by seed, and report what is there."""
    spaces = {}
    for name in options.engines:
        (options.folder / name).mkdir(parents=True, exist_ok=True)
        spaces[name] = open_project(options.folder / name)
        carry_out(spaces[name], plan(spaces[name], points))
    jobs: dict[str, list[Any]] = {name: [] for name in options.engines}
    for point in points:
        _share_equilibration(spaces, point)
        for name in options.engines:
            job = spaces[name].open_job(point.model_dump(mode="json"))
            _simulate(job, name)
            jobs[name].append(job)
        if len(jobs[options.engines[0]]) > 1:
            _report(jobs, options)
    return 0


def _share_equilibration(spaces: Mapping[str, Any], point: StatePoint) -> None:
    """Equilibrate in the first data space, and put the whole job into the other."""
    first, second = spaces
    theirs, ours = (
        parent_job(space.open_job(point.model_dump(mode="json")), point)
        for space in spaces.values()
    )
    if not conditions.is_equilibrated(theirs):
        _with_engine(first, operations.simulate, theirs)
    if not conditions.is_equilibrated(ours):
        aside = Path(spaces[second].path) / "copy"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(theirs.path, aside)
        shutil.rmtree(ours.path)
        aside.rename(ours.path)


def _simulate(job: Any, engine: str) -> None:
    if not conditions.is_recorded(job):
        _with_engine(engine, operations.simulate, job)
    if not conditions.is_analysed(job):
        operations.analyse(job)


def _with_engine(engine: str, operation: Any, job: Any) -> None:
    os.environ["JANUSPORE_ENGINE"] = engine
    operation(job)


def _report(jobs: Mapping[str, list[Any]], options: argparse.Namespace) -> None:
    ensembles = {name: Ensemble.of(jobs[name]) for name in jobs}
    rows = table(ensembles, options.settle_ps)
    print(_text(rows, ensembles), flush=True)
    if options.output:
        write_json(options.output, _document(rows, ensembles, options))


def table(ensembles: Mapping[str, Ensemble], settle_ps: float) -> list[dict[str, Any]]:
    """Return a row a field (None: all) and quantity: each engine, the difference, a verdict."""
    first = next(iter(ensembles.values()))
    tables = {
        f"{name} {key}": value
        for name, ensemble in ensembles.items()
        for key, value in settled_sums(ensemble, settle_ps).items()
    }
    found = bootstrap(tables, lambda drawn: _estimates(drawn, ensembles), repeats=4000)
    rows = []
    for f, field in enumerate(_groups(_holds(first))):
        for q, (quantity, unit) in enumerate(QUANTITIES.items()):
            if field is None and quantity in DIRECTED:
                continue
            columns = {
                column: [float(v[k, q, f]) for v in (found.value, found.low, found.high)]
                for k, column in enumerate((*ensembles, "difference"))
            }
            head = {"field_V_per_nm": field, "quantity": quantity, "unit": unit}
            rows.append(head | columns | {"verdict": _verdict(*columns["difference"])})
    return rows


def _holds(ensemble: Ensemble) -> list[float]:
    fields = required(ensemble.point.protocol.holds, "holds").forward_V_per_nm
    return [*fields, *fields[::-1]]


def _groups(holds: list[float]) -> dict[float | None, NDArray[np.bool_]]:
    """Which holds have each field; under None, where there is more than one field, all holds."""
    groups: dict[float | None, NDArray[np.bool_]] = {
        field: np.array(holds) == field for field in sorted(set(holds))
    }
    return groups if len(groups) == 1 else groups | {None: np.full(len(holds), True)}


def settled_sums(ensemble: Ensemble, settle_ps: float) -> dict[str, NDArray]:
    """Sums of each equilibration's seeds by group of holds (`_groups`), shape (n, groups, ...).

    The first `settle_ps` after every change of the field are left out, but for `charging_ps` and
    `charging_e_nm`, which are theirs.
    """
    holds, sums = _holds(ensemble), ensemble.each_seed()
    sample_ps = ensemble.point.protocol.recording.sample_interval_ps
    _, _, bins = shape = sums["time_ps"].shape
    for name in _AVERAGED:
        each = [read_record(trajectory(job) / RECORD)[0] for job in ensemble.jobs]
        values = np.stack([r[name] for r in each]).reshape(*shape, -1)
        taken = np.isfinite(values)  # temperatures are not taken in every row
        sums[name] = sample_ps * values.sum(axis=3, where=taken)
        sums[f"{name}_taken_ps"] = sample_ps * taken.sum(axis=3)
    changes = [True, *(a != b for a, b in pairwise(holds))]
    begins_ps = np.arange(bins) * sums["time_ps"][0, 0, 0]
    kept = np.array([(begins_ps >= settle_ps - 1e-9) | (not change) for change in changes])
    group = np.array(list(_groups(holds).values()))[:, :, None]

    def total(values: NDArray, bins_of_holds: NDArray) -> NDArray:
        return np.einsum("ghb,shb...->sg...", (group & bins_of_holds).astype(float), values)

    charge = sums["K_cell_e_nm"] + sums["Cl_cell_e_nm"]
    charging = {"charging_ps": sums["time_ps"], "charging_e_nm": charge}
    totals = {key: total(value, kept) for key, value in sums.items()} | {
        key: total(value, ~kept) for key, value in charging.items()
    }
    return by_cluster(totals, ensemble.equilibrations)


def _estimates(drawn: Mapping[str, NDArray], ensembles: Mapping[str, Ensemble]) -> NDArray:
    """Quantities of each engine and their difference, shape (b, 3, quantities, groups)."""
    first, second = (
        _quantities(
            {k.removeprefix(f"{name} "): v for k, v in drawn.items() if k.startswith(name)},
            ensemble,
        )
        for name, ensemble in ensembles.items()
    )
    return np.stack([first, second, second - first], axis=1)


def _quantities(sums: Mapping[str, NDArray], ensemble: Ensemble) -> NDArray:
    """In the order of `QUANTITIES`, shape (b, quantities, groups)."""
    recording, box, time = ensemble.point.protocol.recording, ensemble.model.box, sums["time_ps"]
    slab, cell = (sums[f"K_{where}_e_nm"] + sums[f"Cl_{where}_e_nm"] for where in ("slab", "cell"))
    mean = {name: sums[name] / sums[f"{name}_taken_ps"] for name in _AVERAGED}
    values = [
        current(slab, recording.slab_length_nm, time),
        current(cell, float(box[0]), time),
        current(sums["charging_e_nm"], float(box[0]), sums["charging_ps"]),
        circular_std(sums["theta"]),
        sums["cosine"] / sums["waters"],
        mean["water_in_pore"],
        mean["water_in_bulk"] / (2 * recording.bulk_width_nm * box[1] * box[2]),
        mean["T_trans_K"],
        mean["T_rot_K"],
    ]
    return np.stack(values, axis=1)


def _verdict(value: float, low: float, high: float) -> str:
    if not low < high:
        return "not resolved"
    return "agree" if low <= 0 <= high else "differ"


def _document(
    rows: list[dict[str, Any]], ensembles: Mapping[str, Ensemble], options: argparse.Namespace
) -> dict[str, Any]:
    first = next(iter(ensembles.values()))
    return {
        "machine": machine(),
        "code": provenance.code(),
        "engines": {name: e.jobs[0].doc()["engine"] for name, e in ensembles.items()},
        "charge_set": first.point.charge_set.model_dump(),
        "protocol": first.point.protocol.model_dump(),
        "settle_ps": options.settle_ps,
        "seeds": [job.statepoint["seed"] for job in first.jobs],
        "crossings": {name: _crossings(e) for name, e in ensembles.items()},
        "intervals": "95 %, bootstrap over seeds with Student's quantile; differences paired",
        "rows": rows,
    }


def _crossings(ensemble: Ensemble) -> int:
    summaries = [conditions.read_summary(job) or {} for job in ensemble.jobs]
    return sum(
        summary[f"{ion}_crossings_{way}"]
        for summary in summaries
        for ion in ("K", "Cl")
        for way in ("forward", "backward")
    )


def _text(rows: list[dict[str, Any]], ensembles: Mapping[str, Ensemble]) -> str:
    first, second = ensembles
    seeds = len(ensembles[first].jobs)
    lines = [f"\n{seeds} seeds; {second} less {first}, paired; 95 % intervals"]
    for field, group in groupby(rows, lambda row: row["field_V_per_nm"]):
        lines.append("all fields" if field is None else f"{field:g} V/nm")
        lines += [
            f"  {row['quantity']:20s} {row['unit']:6s}"
            + "".join(f"{_shown(row[column]):28s}" for column in (*ensembles, "difference"))
            + row["verdict"]
            for row in group
        ]
    crossed = ", ".join(f"{name} {_crossings(e)}" for name, e in ensembles.items())
    return "\n".join([*lines, f"  ions that crossed: {crossed}"])


def _shown(interval: list[float]) -> str:
    value, low, high = interval
    return f"{value:.4g} [{low:.4g}, {high:.4g}]"


if __name__ == "__main__":
    sys.exit(main())
