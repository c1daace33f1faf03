"""Starting configurations: ions and waters on a jittered grid around the membrane."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from .state import State
from .system import Model, water_geometry

#: Nearest that a water's oxygen or an ion may start to a membrane atom, nm.
_CLEARANCE_NM = 0.29
#: How many random assignments of the ions' sites to cations and anions are tried.
_DEALS = 1000


def build_state(model: Model, rng: np.random.Generator) -> State:
    """Place exactly the model's ions and waters; a minimiser must remove overlaps.

    Args:
        model: what to place.
        rng: source of randomness.

    Returns:
        A state at step 0 with zero velocities.
    """
    positions = np.zeros((model.n_atoms, 3))
    positions[model.frozen] = model.membrane_positions
    ions, waters = model.ions, model.waters
    sites = _sites(model, len(ions) + len(waters), rng)
    # Outside the pore; in a bulk liquid anywhere.
    away = min(0.7, 0.3 * model.box[0]) if model.frozen.any() else -1.0
    chosen = _spread(sites, len(ions), model.box, away, rng)
    rest = np.setdiff1d(np.arange(len(sites)), chosen)
    rest = rng.choice(rest, len(waters), replace=False)
    positions[ions] = sites[_unpolarised(sites, chosen, model, rng)]
    turns = Rotation.random(len(waters), rng=rng)
    shape = water_geometry()
    for k in range(3):
        positions[waters[:, k]] = sites[rest] + turns.apply(shape[k])
    return State(positions=positions, velocities=np.zeros_like(positions), box=model.box.copy())


def polarisation(model: Model, positions: NDArray) -> float:
    """Polarisation of the ions along x, sum of q x / Lx, e.

    Randomly placed ions have about sqrt(number of ions / 12) e, and it takes the reservoirs tens of
    ps to lose it: longer than a short equilibration, and seeds of one equilibration share it.
    """
    ions, edge = model.ions, model.box[0]
    x = positions[ions, 0]
    return float((model.charge[ions] * (x / edge - np.round(x / edge))).sum())


def _unpolarised(
    sites: NDArray, chosen: NDArray, model: Model, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Of many random assignments of the ions to their sites, return the least polarised one."""
    deals = rng.permuted(np.tile(chosen, (_DEALS, 1)), axis=1)
    apart = np.abs((sites[deals, 0] / model.box[0]) @ model.charge[model.ions])
    return np.asarray(deals[np.argmin(apart)])


def _sites(model: Model, needed: int, rng: np.random.Generator) -> NDArray:
    """Grid points clear of the membrane; the coarsest grid that holds enough of them."""
    for spacing in np.arange(0.33, 0.20, -0.005):
        counts = np.maximum(np.floor(model.box / spacing).astype(int), 1)
        axes = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3) * model.box
        grid += rng.uniform(-0.01, 0.01, grid.shape)
        if len(model.membrane_positions):
            tree = cKDTree(_inside(model.membrane_positions, model.box), boxsize=model.box)
            grid = grid[tree.query(_inside(grid, model.box))[0] > _CLEARANCE_NM]
        if len(grid) >= needed:
            return grid
    raise RuntimeError(f"no room for {needed} molecules in a box of {model.box} nm")


def _inside(positions: NDArray, box: NDArray) -> NDArray:
    """Positions in [0, box). One modulo may give the box itself, which a periodic tree refuses."""
    return positions % box % box


def _spread(
    sites: NDArray, count: int, box: NDArray, away: float, rng: np.random.Generator
) -> NDArray:
    """Choose sites for ions at random, 0.5 nm apart where room is, with |x| above `away`."""
    outside = np.flatnonzero(np.abs(sites[:, 0]) > away)
    order = rng.permutation(outside)
    tree = cKDTree(_inside(sites, box), boxsize=box)
    for apart in (0.5, 0.4, 0.3, 0.0):
        chosen: list[int] = []
        taken = np.zeros(len(sites), dtype=bool)
        for site in order:
            if len(chosen) == count:
                break
            near = np.array(tree.query_ball_point(_inside(sites[site], box), 1.001 * apart))
            delta = sites[near[taken[near]]] - sites[site]
            delta -= box * np.round(delta / box)
            if (np.square(delta).sum(1) >= apart**2).all():
                chosen.append(int(site))
                taken[site] = True
        if len(chosen) == count:
            break
    return np.array(chosen, dtype=int)
