"""`python -m januspore verify`: a data space read from end to end, and what to do about each fault.

`space` looks at what all jobs share, `jobs` at each job from its id to its analysis, `products` at
what is made of them. A fault may carry a repair, which loses nothing: it writes again what is known
from elsewhere, or puts a damaged file aside, so that the next run makes it again.
"""

from .command import verify_command
from .fault import Fault

__all__ = ["Fault", "verify_command"]
