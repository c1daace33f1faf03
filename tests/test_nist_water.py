"""SPC/E of every engine against the energies that NIST publishes for one configuration.

NIST Standard Reference Simulation Website, "SPC/E Water Reference Calculations - 10 A cutoff",
configuration 1: 100 molecules in a cube of 2 nm. The energies are those that NIST's own code FEASST
is tested with, kJ/mol, without the long-range correction of the Lennard-Jones energy, which no
engine here adds.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import free_model
from test_bulk import ENGINES
from test_engine_parity import direct_sums

from januspore.engines import Resources, create
from januspore.engines.openmm_charges import SwitchedCharges
from januspore.model.state import State
from januspore.protocols import Dynamics

CONFIGURATION = Path(__file__).parent / "data" / "nist_spce_100.xyz"
LENNARD_JONES = 827.6110499
#: Reciprocal sum, real space, within molecules and self energy, in this order.
COULOMB = 52.1324574 - 4646.8607666 + 23363.5737746 - 23652.0804037
#: Lennard-Jones parameters of NIST's oxygen; the project's differ in the fifth digit.
SIGMA_NM, EPSILON = 0.316555789, 0.6501696
EDGE_NM, CUTOFF_NM = 2.0, 1.0


@pytest.fixture(scope="module")
def configuration():
    """Positions in nm, shape (300, 3), waters whole: oxygen, hydrogen, hydrogen."""
    rows = [line.split() for line in CONFIGURATION.read_text().splitlines()[2:]]
    assert [row[0] for row in rows] == ["O", "H", "H"] * 100
    return 0.1 * np.array([row[1:] for row in rows], dtype=float)


def water(copies=1, **parameters):
    """A model of `copies` configurations along each direction."""
    edges = (copies * EDGE_NM,) * 3
    model = free_model(0, 100 * copies**3, edges, CUTOFF_NM, ewald_tolerance=1e-6)
    oxygen = model.epsilon > 0
    return replace(
        model, **{name: np.where(oxygen, value, 0.0) for name, value in parameters.items()}
    )


def repeated(positions, copies):
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return np.concatenate([positions + shift * EDGE_NM for shift in shifts])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_has_nist_s_energy(engine, configuration):
    """Eight copies of the configuration: no engine's neighbour list fits in a cube of 2 nm."""
    model = water(2, sigma=SIGMA_NM, epsilon=EPSILON)
    positions = repeated(configuration, 2)
    state = State(positions, np.zeros_like(positions), model.box)
    resources = Resources(engine, "Reference" if engine == "openmm" else "cpu")
    energy = create(model, state, Dynamics(), resources).potential_energy() / 8
    # GROMACS sums in single precision.
    rel = 5e-5 if engine == "gromacs" else 3e-6
    assert energy == pytest.approx(LENNARD_JONES + COULOMB, rel=rel)


def test_the_project_s_oxygen_is_nist_s(configuration):
    model = water(2)
    oxygen = model.epsilon > 0
    assert model.sigma[oxygen] == pytest.approx(SIGMA_NM, rel=1e-5)
    assert model.epsilon[oxygen] == pytest.approx(EPSILON, rel=1e-4)


def test_the_coulomb_energy_of_a_pressure_is_nist_s(configuration):
    model = water()
    charges = SwitchedCharges(model, Resources("openmm", "Reference"))
    assert charges.coulomb(configuration)[0] == pytest.approx(COULOMB, rel=1e-5)
    state = State(configuration, np.zeros_like(configuration), model.box)
    # NIST's sum ends at the fifth wave number.
    assert direct_sums(model, state).coulomb == pytest.approx(COULOMB, rel=3e-6)
