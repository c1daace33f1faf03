"""Accuracy of the one-dimensional equation for Brownian ions that pass a hole in a wall.

    python benchmarks/nernst_planck.py --output benchmarks/results/nernst-planck.json

The flux is counted in three dimensions (`tests/planted_brownian.py`). The equation has the exact
mean
force, the exact D and the counted densities at the ends, so the difference is from its assumptions:
lateral equilibrium, and the shape of the flow in front of the pore.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from planted_brownian import by_equation, counted

#: Radius of the hole and of the cylinder, nm; driving force, kJ/mol/nm.
CASES = [
    (pore, radius, push)
    for pore, radii in ((0.7, (0.7, 0.8, 1.1)), (0.4, (0.4, 0.5)))
    for push in (5.0, 20.0)
    for radius in radii
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--walkers", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=40_000)
    options = parser.parse_args()
    fluxes = {}
    rows = []
    for pore, radius, push in CASES:
        if (pore, push) not in fluxes:
            fluxes[pore, push] = counted(pore, push, options.walkers, options.steps)
        found = fluxes[pore, push]
        ratios = {
            name: by_equation(pore, push, radius, found.ends, spreads) / found.flux
            for name, spreads in (("equation", True), ("without_spreading", False))
        }
        row = {"pore_radius_nm": pore, "cylinder_radius_nm": radius, "push_kJ_per_mol_nm": push}
        rows.append(
            row | {f"{name}_over_counted": round(float(v), 3) for name, v in ratios.items()}
        )
        print(rows[-1], flush=True)
    if options.output:
        about = {"walkers": options.walkers, "steps": options.steps}
        options.output.write_text(json.dumps(about | {"cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
