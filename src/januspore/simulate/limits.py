"""When a run saves itself, and when it has to stop: wall times, from the environment."""

import math
import time
from dataclasses import dataclass

from ..environment import number

#: Exit status of a process that stopped for want of time (EX_TEMPFAIL: run it again).
OUT_OF_TIME = 75
_STARTED = time.time()


@dataclass(frozen=True)
class Limits:
    """Wall times in seconds.

    Attributes:
        checkpoint_s: between two checkpoints.
        end: when the process will be killed, as `time.time` counts.
        margin_s: how long before its end a run writes its last checkpoint. It must hold one sample
            interval and the writing.
    """

    checkpoint_s: float = 30.0
    end: float = math.inf
    margin_s: float = 120.0

    @classmethod
    def from_environment(cls) -> "Limits":
        """Read JANUSPORE_CHECKPOINT_SECONDS, ..._WALLTIME_MINUTES, ..._MARGIN_SECONDS.

        The walltime counts from the start of the process. Without it, SLURM's own end of the job
        holds (SLURM_JOB_END_TIME, since SLURM 22.05).

        Raises:
            InputError: one of them is not a number, or is negative.
        """
        walltime = number("JANUSPORE_WALLTIME_MINUTES", least=0)
        end = (
            number("SLURM_JOB_END_TIME", least=0) if walltime is None else _STARTED + 60 * walltime
        )
        checkpoint = number("JANUSPORE_CHECKPOINT_SECONDS", least=0)
        margin = number("JANUSPORE_MARGIN_SECONDS", least=0)
        return cls(
            checkpoint_s=cls.checkpoint_s if checkpoint is None else checkpoint,
            end=cls.end if end is None else end,
            margin_s=cls.margin_s if margin is None else margin,
        )

    def near_end(self) -> bool:
        """Whether it is time for the last checkpoint."""
        return time.time() >= self.end - self.margin_s
