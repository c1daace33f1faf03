"""Salt solutions driven through an angstrom pore in a Janus membrane, as a signac data space.

What a script needs:

- :mod:`januspore.products.results`: `results` and `product_table`, tables by state point.
- :mod:`januspore.space.dataspace`: `open_project`, the data space, and `point_of`, the validated
  state point of a job.
- :func:`januspore.schema.state_point`: validation.
- :mod:`januspore.protocols`: what a protocol does and can be read as.
- :func:`januspore.model.system.build_model`: the atoms of a state point.
- :func:`januspore.simulate.record.read_record`: what was recorded of a job.

Nothing is imported here, so that a command starts as fast as what it needs.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
