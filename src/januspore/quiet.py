"""Ctrl-C while a command starts: the end of the process, and no traceback.

A command imports this before anything else, so it imports nothing that is not loaded already.
"""

# Built into Python; `signal` itself first imports enum and functools.
import _signal as signal  # type: ignore[import-not-found]


class QuietImports:
    """Let Ctrl-C end the process without a traceback while modules are imported."""

    def __enter__(self) -> None:
        self._heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._heard:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def __exit__(self, *_: object) -> None:
        if self._heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
