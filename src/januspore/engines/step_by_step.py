"""How engines that are called step by step follow a stretch."""

from collections.abc import Iterator

from .base import Engine
from .stretch import Sample, Stretch, has_energies


class StepByStep:
    """`follow` of an engine that is called for every sample interval.

    It holds the field constant over each interval, at the programme's mean, so that the impulse on
    an ion is exact at every sample. The tether stands at its position at the interval's end.
    """

    def follow(self: Engine, stretch: Stretch) -> Iterator[Sample]:
        """See :class:`januspore.engines.base.Engine`."""
        while self.step < stretch.end_step:
            end = self.step + stretch.sample_steps
            field = stretch.mean_field(end)
            self.set_field(field)
            if stretch.tether:
                self.set_tether(*stretch.tether(end * stretch.timestep_ps))
            self.advance(stretch.sample_steps)
            yield sample_of(self, field, stretch.energy_steps)
            if stretch.over():
                return


def sample_of(engine: Engine, field_V_per_nm: float, energy_steps: int) -> Sample:
    """Read an engine at its present step, with energies at multiples of `energy_steps`."""
    energies = has_energies(engine.step, energy_steps)
    return Sample(engine.step, field_V_per_nm, engine.observe(energies))
