"""The differences between HOOMD-blue's methods on a CPU and on a GPU.

docs/engines.md gives the source of each choice. Both methods give the same forces on both devices;
tests check this for both methods on a CPU.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """How forces are computed and particles are stored.

    Attributes:
        tabulated: real-space Coulomb comes from a table instead of erfc.
        tree: neighbours are found by trees instead of cells.
        buffer_nm: distance beyond the cut-off that neighbour lists reach; shorter in small boxes.
        sorted: particles are sorted in space at times, which changes the order of sums.
    """

    tabulated: bool
    tree: bool
    buffer_nm: float
    sorted: bool

    def neighbours(self, hoomd: Any, buffer_nm: float, exclusions: tuple[str, ...]) -> Any:
        """Make a neighbour list."""
        kind = hoomd.md.nlist.Tree if self.tree else hoomd.md.nlist.Cell
        return kind(buffer=buffer_nm, exclusions=exclusions)


METHODS = {
    # Tree lists can leave hydrogens out of the Lennard-Jones list, and the table is faster than
    # erfc. Without sorting, sums keep their order over a restart (PPPM's mesh has single
    # precision); with some thousand particles this costs no time.
    "cpu": Method(tabulated=True, tree=True, buffer_nm=0.2, sorted=False),
    # Neither a table nor a tree list: both caused illegal memory access on a GPU (hoomd-blue
    # #2284).
    "gpu": Method(tabulated=False, tree=False, buffer_nm=0.4, sorted=True),
}
