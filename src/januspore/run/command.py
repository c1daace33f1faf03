"""Begin and end of every command line of this package; imports nothing heavy.

Errors that a user can correct are printed as one line; a traceback means a fault of this package.
"""

import os
import sys
from collections.abc import Callable

from ..errors import InputError
from ..settings import warn_of_misspelt
from ..space import faults


def carry_out(command: Callable[[], int | None], interrupted: str = "") -> int:
    """Run a command; return its exit status.

    It is 2 for input that cannot be used, a file that cannot be read or written, or a fault of the
    data space, each reported in one line; 1 if the reader of the output has closed it; 130 for
    Ctrl-C.

    Args:
        command: returns a status of its own, or None.
        interrupted: message at Ctrl-C.
    """
    faults.forget()
    warn_of_misspelt()
    # Figures need no display: another backend would be loaded, or fail, with matplotlib.
    os.environ["MPLBACKEND"] = "agg"
    try:
        status = command()
        sys.stdout.flush()
        return status or faults.status()
    except InputError as error:
        told = str(error)
    except BrokenPipeError:  # the reader of the output, such as head, has closed it
        # Discard the rest of the output, as Python would otherwise report an error when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        if interrupted:
            print(interrupted, file=sys.stderr)
        return 130
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print(f"error: {told}", file=sys.stderr)
    return 2
