"""signac-flow's project and command line, with a run that passes over what fails.

`project.py` names the operations of a data space; everything here holds for any of them.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from flow import FlowProject
from flow.errors import NoSchedulerError, SubmitError, UserConditionError, UserOperationError
from tqdm import tqdm

from . import faults
from .dataspace import SoundProject, open_project, project_document
from .errors import InputError
from .failures import Ledger
from .workers import Failure, available_cpus, end_when_told, one_by_one, side_by_side


class EndedError(Exception):
    """A run ends at once: what made one operation fail would fail all the others."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.told)
        self.status = failure.ends


class PatientProject(SoundProject, FlowProject):
    """A project whose `run` goes on with other jobs where one fails, and tells of it at its end.

    flow's own stops at the first failure, and waits for ever for a worker that was killed.
    """

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self.ledger = Ledger()

    def _run_operations(
        self,
        operations: Sequence[Any],
        pretend: bool = False,
        np: int | None = None,
        timeout: float | None = None,
        progress: bool = False,
    ) -> None:
        if pretend:
            super()._run_operations(operations, pretend=True)
            return

        def work(task: int) -> None:
            try:
                self._execute_operation(operations[task], timeout)
            except UserOperationError as error:
                raise error.__cause__ or error from None

        processes = available_cpus() if np is not None and np < 0 else np or 1
        many = len(operations)
        ended = one_by_one(many, work) if processes == 1 else side_by_side(many, work, processes)
        with closing(ended):
            for task, failure in tqdm(ended, total=many, disable=not progress):
                if failure is not None and failure.ends is not None:
                    raise EndedError(failure)
                self.ledger.enter(operations[task].name, operations[task]._jobs, failure)

    def _select_jobs_from_args(self, args: argparse.Namespace) -> Any:
        try:
            return super()._select_jobs_from_args(args)
        except (LookupError, ValueError) as error:
            asked = " ".join([*(args.job_id or ()), *(getattr(args, "filter", None) or ())])
            raise InputError(f"jobs = {asked!r}: {error}") from None


def main(project: type[PatientProject], root: Path) -> int:
    """Run the command line of a data space; returns the exit status.

    1 if an operation failed, 2 for input that cannot be used or a fault of the data space, told in
    one line. An operation that is out of time, or a signal, ends the process with its own status.

    Args:
        project: with its operations.
        root: folder of the data space.
    """
    end_when_told()
    opened, told, status = None, "", 0
    try:
        opened = open_project(root, project)
        project_document(opened)  # flow keeps notes in it
        opened.main(_command_line())
    except KeyboardInterrupt:
        status = 130  # what was running has said that its checkpoint is written
    except SystemExit:
        _tell(opened)
        raise
    except EndedError as error:
        told, status = str(error), error.status or 1
    except NoSchedulerError:
        told, status = "no scheduler found here; python project.py run works anywhere", 2
    except (SubmitError, InputError) as error:
        told, status = " ".join(str(error).split()), 2
    except UserConditionError as error:
        if not isinstance(error.__cause__, InputError):
            raise
        told, status = str(error.__cause__), 2
    failed = _tell(opened, told)
    return status or faults.status() or int(failed)


def _tell(project: PatientProject | None, error: str = "") -> bool:
    """Print what failed, then what ended the run; returns whether anything failed."""
    failed = project.ledger.told() if project else []
    for line in [*failed, *([f"error: {error}"] if error else ())]:
        print(line, file=sys.stderr)
    return bool(failed)


def _command_line() -> argparse.ArgumentParser:
    """signac-flow's own command line, with the engine as an option in front."""

    class SetEngine(argparse.Action):
        def __call__(self, parser: Any, options: Any, value: Any, name: Any = None) -> None:
            os.environ["JANUSPORE_ENGINE"] = value

    parser = argparse.ArgumentParser(prog="project.py", description=FlowProject.__doc__)
    parser.add_argument(
        "--engine",
        action=SetEngine,
        default=argparse.SUPPRESS,  # flow hands every option it finds to its own commands
        metavar="openmm|hoomd|gromacs",
        help="sets JANUSPORE_ENGINE",
    )
    return parser
