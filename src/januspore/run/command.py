"""How a command line of this package begins and ends; imports nothing heavy.

Whatever a user can mend is told in one line; a traceback is for what nobody foresaw.
"""

import os
import sys
from collections.abc import Callable

from ..errors import InputError
from ..settings import warn_of_misspelt
from ..space import faults


def carry_out(command: Callable[[], int | None], interrupted: str = "") -> int:
    """Run a command; return its exit status.

    2 for input that cannot be used, a file that cannot be read or written, or a fault of the data
    space, each told in one line; 1 if the reader of the output is gone; 130 for Ctrl-C.

    Args:
        command: returns a status of its own, or None.
        interrupted: what to tell at Ctrl-C.
    """
    faults.forget()
    warn_of_misspelt()
    # A notebook's or a desktop's would be loaded, or refused, with matplotlib; figures need none.
    os.environ["MPLBACKEND"] = "agg"
    try:
        status = command()
        sys.stdout.flush()
        return status or faults.status()
    except InputError as error:
        told = str(error)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        # What is still to be written goes nowhere, or Python would complain at its end.
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
