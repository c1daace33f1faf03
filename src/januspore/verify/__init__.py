"""`python -m januspore verify`: reads a whole data space, and gives a remedy for each fault.

`space` checks what all jobs share, `jobs` each job from its id to its analysis, `products` the
products. A fault may have a repair, which loses no data: it rewrites what is known from elsewhere,
or renames a damaged file, so that the next run makes it again.
"""

from .command import verify_command
from .fault import Fault

__all__ = ["Fault", "verify_command"]
