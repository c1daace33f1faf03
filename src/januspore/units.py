"""Physical constants in the package's units: nm, ps, amu, kJ/mol, e, K, V/nm, nA."""

import math

#: Boltzmann constant times Avogadro's number, kJ/mol/K (SI 2019).
BOLTZMANN = 0.00831446261815324

#: Coulomb constant, kJ mol^-1 nm e^-2 (the value that OpenMM and GROMACS use).
COULOMB = 138.935458

#: One V/nm as a force on one elementary charge, kJ/mol/nm/e.
VOLT_PER_NM = 96.48533212

#: One over the permittivity of vacuum, V nm/e.
PER_VACUUM_PERMITTIVITY = 4 * math.pi * COULOMB / VOLT_PER_NM

#: One e/ps as a current, nA.
E_PER_PS = 160.2176634

#: Ions (or molecules) per nm^3 in a solution of 1 mol/L.
MOL_PER_LITRE = 0.602214076
