"""What HOOMD-blue does otherwise on a GPU than on a CPU: every such choice is made here.

docs/engines.md has the source of each. Either method gives the same forces on either device; tests
hold both to that on a CPU.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """How forces are computed and particles kept.

    Attributes:
        tabulated: real-space Coulomb from a table, not evaluated pair by pair.
        tree: neighbours found by trees, not in cells.
        buffer_nm: how much farther than the cut-off neighbours are listed; less in small boxes.
        sorted: particles are sorted in space now and then, so that sums change their order.
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
    # Tree lists leave hydrogens out of the Lennard-Jones list at no cost, and the table is faster
    # than erfc. Unsorted, sums keep their order over a restart (PPPM's mesh has single precision),
    # and some thousand particles run no slower for it.
    "cpu": Method(tabulated=True, tree=True, buffer_nm=0.2, sorted=False),
    # A table with many points and a tree list read illegal memory on a GPU (hoomd-blue #2284).
    "gpu": Method(tabulated=False, tree=False, buffer_nm=0.4, sorted=True),
}
