"""Initialise the data space, or extend it with charge sets, protocols and seeds."""

from januspore.quiet import QuietImports

with QuietImports():
    import sys
    from pathlib import Path

    from januspore.run.initialise import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent))
