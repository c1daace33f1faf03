"""Initialise the data space, or extend it with charge sets, protocols and seeds."""

import sys
from pathlib import Path

from januspore import faults
from januspore.errors import InputError
from januspore.initialise import init_command

if __name__ == "__main__":
    try:
        init_command(None, Path(__file__).resolve().parent)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped: every job is whole or not there; type it again to go on", file=sys.stderr)
        sys.exit(130)
    sys.exit(faults.status())
