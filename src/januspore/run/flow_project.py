"""signac-flow's project and command line, with a run that continues after failures.

`project.py` defines the operations of a data space; this module does not depend on them.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flow import FlowProject
from flow.errors import NoSchedulerError, SubmitError, UserConditionError, UserOperationError
from tqdm import tqdm

from ..errors import InputError
from ..space import faults
from ..space.dataspace import SoundProject, mend_document, open_project
from .command import carry_out
from .failures import Ledger
from .obstacles import obstacles
from .pace import Pace
from .progress import left_atom_steps, verdict
from .workers import (
    Failure,
    available_cpus,
    end_when_told,
    one_by_one,
    side_by_side,
)

#: flow logs an error of `status` and also raises it; only the exception is reported.
logging.getLogger("flow.project").addFilter(
    lambda record: not str(record.msg).startswith("Error during status update")
)


class EndedError(Exception):
    """The run ends at once, as the cause of a failure would make every operation fail."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.told)
        self.status = failure.ends


class PatientProject(SoundProject, FlowProject):
    """A project whose `run` continues with other jobs after a failure and lists failures at its
    end.

    flow's own `run` stops at the first failure, and waits for ever for a worker that was killed.
    """

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self.ledger = Ledger()
        self._said: dict[str, Any] = {}

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
            self._pace.begin(operations[task])
            try:
                self._execute_operation(operations[task], timeout)
            except UserOperationError as error:
                raise error.__cause__ or error from None

        processes = available_cpus() if np is not None and np < 0 else np or 1
        if processes > 1:
            operations = _longest_first(operations)
        many = len(operations)
        self._pace.expect(operations)
        ended = one_by_one(many, work) if processes == 1 else side_by_side(many, work, processes)
        with closing(ended):
            for task, failure in tqdm(ended, total=many, disable=not progress):
                if failure is not None and failure.ends is not None:
                    raise EndedError(failure)
                self.ledger.enter(operations[task].name, operations[task]._jobs, failure)
                self._pace.end(operations[task])

    def run(self, *arguments: Any, **keys: Any) -> None:
        """Run all eligible operations; report jobs that wait for something that no run can make."""
        self._pace = Pace(self)
        super().run(*arguments, **keys)
        for line in obstacles(self):
            faults.tell(line)
        self._tell_verdict()

    def print_status(self, *arguments: Any, **keys: Any) -> None:
        """Print the status, and say so when all is done or there is nothing to do anything with."""
        super().print_status(*arguments, **keys)
        if not keys.get("dump_json") and keys.get("output_format", "terminal") == "terminal":
            self._tell_verdict()

    def _tell_verdict(self) -> None:
        if told := verdict(self):
            print(told)

    # flow stores the scheduler's answers and its bundles in the project document. In a read-only
    # data space they are kept in memory, so that `status` works there, too.

    @property
    def _is_read_only(self) -> bool:
        return not os.access(self.path, os.W_OK)

    def _get_cached_scheduler_status(self) -> dict[str, Any]:
        return self._said if self._is_read_only else super()._get_cached_scheduler_status()

    @contextmanager
    def _update_cached_scheduler_status(self) -> Iterator[dict[str, Any]]:
        if self._is_read_only:
            yield self._said
        else:
            with super()._update_cached_scheduler_status() as update:
                yield update

    def _store_bundled(self, operations: Sequence[Any]) -> str:
        if self._is_read_only and len(operations) > 1:
            return f"{self._bundle_prefix}{'-'.join(one.id[-6:] for one in operations)}"
        return str(super()._store_bundled(operations))

    def _select_jobs_from_args(self, args: argparse.Namespace) -> Any:
        try:
            return super()._select_jobs_from_args(args)
        except (LookupError, ValueError) as error:
            asked = " ".join([*(args.job_id or ()), *(getattr(args, "filter", None) or ())])
            raise InputError(f"jobs = {asked!r}: {error}") from None


def _longest_first(operations: Sequence[Any]) -> list[Any]:
    """Order parallel operations so that none that takes long runs alone at the end.

    Operations that simulate nothing, such as analyses, come last in their own order.
    """
    left = left_atom_steps(one._jobs[0] for one in operations)
    return sorted(operations, key=lambda one: -left.get(one._jobs[0].id, 0.0))


def main(project: type[PatientProject], root: Path) -> int:
    """Run the command line of a data space; returns the exit status.

    It is 1 if an operation failed, 2 for input that cannot be used or a fault of the data space. An
    operation whose walltime is nearly up, or a signal, ends the process with its own status.

    Args:
        project: the project class with its operations.
        root: folder of the data space.
    """
    end_when_told()
    return carry_out(lambda: _run(project, root))


def _run(kind: type[PatientProject], root: Path) -> int:
    project = open_project(root, kind)
    mend_document(project)
    try:
        project.main(_command_line())
    except EndedError as error:
        if error.status == 2:
            raise InputError(str(error)) from None
        print(f"error: {error}", file=sys.stderr)
        return error.status or 1
    except NoSchedulerError:
        raise InputError("no scheduler here; python project.py run works anywhere") from None
    except SubmitError as error:
        raise InputError(str(error)) from None
    except UserConditionError as error:
        if not isinstance(error.__cause__, InputError):
            raise
        raise error.__cause__ from None
    finally:
        for line in project.ledger.told():
            print(line, file=sys.stderr)
    return faults.status() or int(bool(project.ledger.failed))


def _command_line() -> argparse.ArgumentParser:
    """signac-flow's command line with the additional option --engine."""

    class SetEngine(argparse.Action):
        def __call__(self, parser: Any, options: Any, value: Any, name: Any = None) -> None:
            os.environ["JANUSPORE_ENGINE"] = value

    parser = argparse.ArgumentParser(prog="project.py", description=FlowProject.__doc__)
    parser.add_argument(
        "--engine",
        action=SetEngine,
        default=argparse.SUPPRESS,  # flow passes every option that has a value to its own commands
        metavar="openmm|hoomd|gromacs",
        help="sets JANUSPORE_ENGINE",
    )
    return parser
