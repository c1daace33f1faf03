"""KCl driven through an angstrom pore in a Janus membrane: model, simulation and analysis.

The modules follow the data: :mod:`~januspore.schema` and :mod:`~januspore.study` make state
points, :mod:`~januspore.model` the atoms, :mod:`~januspore.engines` and
:mod:`~januspore.simulate` the trajectory's record, :mod:`~januspore.analysis` what is read from
it, and :mod:`~januspore.operations` ties each step to a signac job.
"""

__version__ = "0.1.0"
