"""Time the dashboard's pages of a large data space.

    python benchmarks/dashboard_pages.py --jobs 15000 --output dashboard-pages.json

The data space is that of `many_jobs.py`: the paper's protocols and seeds for as many charge sets as
needed, recorded and analysed without molecular dynamics. Each page is requested three times, after
the progress of the jobs is known. Prints medians of the wall time and of the processor time of the
page's thread, which is the wall time on an idle machine.
"""

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from many_jobs import PER_SET, init_of, plant, run
from space import copy_project

from januspore.check.machine import machine
from januspore.dashboard.app import SpaceDashboard, ViewedProject
from januspore.space.dataspace import open_project

TOKEN = "0123456789abcdef"
REPEATS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=15_000)
    parser.add_argument("--space", help="a data space that is there already")
    parser.add_argument("--output", help="JSON file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        space = Path(options.space or folder)
        if not options.space:
            copy_project(space)
            run(space, init_of(max(1, round(options.jobs / PER_SET))))
            plant(space)
        rows, jobs = _measure(space)
    report = {"machine": machine(), "jobs": jobs, "repeats": REPEATS, "rows": rows}
    if options.output:
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _measure(space: Path) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []

    def timed(what: str, work: Callable[[], Any], repeats: int = REPEATS) -> Any:
        times = []
        for _ in range(repeats):
            wall, own = time.perf_counter(), time.thread_time()
            done = work()
            times.append((time.perf_counter() - wall, time.thread_time() - own))
        wall, own = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{what:44s} wall {wall:6.2f} s, processor {own:6.2f} s", flush=True)
        rows.append({"what": what, "wall_s": wall, "processor_s": own})
        return done

    project = timed("open the data space", lambda: open_project(space, ViewedProject), 1)
    pages = timed("list all jobs, before the first page", lambda: _pages(project), 1)
    browser = pages.app.test_client()
    browser.get(f"/login?token={TOKEN}")
    timed("progress, beside the pages", lambda: pages.standing.find(), 1)
    timed("findings, beside the pages", lambda: pages.findings.find(), 1)
    pages.standing.get(600)
    pages.findings.get(600)
    job = pages.listing.jobs()[0].id
    keys = re.findall(r'name="e" value="(\w+)"', browser.get("/compare?q=protocol.name=sine").text)
    chosen = "&".join(f"e={key}" for key in keys[:3])
    questions = iter(range(10))
    for what, address in (
        ("project page", lambda: "/project/"),
        ("jobs, first page", lambda: "/jobs/"),
        ("jobs, a page in the middle", lambda: "/jobs/?page=150"),
        # A different search each time, as answers are cached.
        ("search", lambda: f"/search?q=protocol.name=sine seed={next(questions)}"),
        ("a job", lambda: f"/jobs/{job}"),
        ("ensembles to compare", lambda: "/compare"),
        ("three ensembles compared: table", lambda: f"/compare?{chosen}"),
        ("three ensembles compared: figure", lambda: f"/compare.png?{chosen}"),
    ):
        timed(what, lambda address=address: _ask(browser, address()))
    return rows, len(pages.listing.jobs())


def _pages(project: ViewedProject) -> SpaceDashboard:
    return SpaceDashboard(project, TOKEN, 0)


def _ask(browser: Any, address: str) -> None:
    answer = browser.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: status {answer.status_code}")


if __name__ == "__main__":
    raise SystemExit(main())
