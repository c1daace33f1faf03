"""A planted data space of two membranes and a server of its pages, for tests of the dashboard."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

from damage import plant_whole, small_space

from januspore.products import PRODUCTS
from januspore.run import operations
from januspore.run.initialise import init_command
from januspore.space.conditions import is_recorded
from januspore.space.dataspace import open_project

TOKEN = "0123456789abcdefghij"
MOS2 = "Mo=1.18,S=-0.59"


def two_membranes(space: Path) -> Path:
    """Two seeds of a sine of MoSSe and of MoS2, recorded and analysed, with one product each."""
    small_space(space)
    init_command(["--charges", MOS2, "--seeds", "0:2"], space)
    project = open_project(space)
    for job in project:
        if not is_recorded(job):
            plant_whole(job)
            operations.analyse(job)
    (product,) = (p for p in PRODUCTS if p.name == "ie_curve")
    for jobs in product.groups(project):
        if not product.is_made(*jobs):
            product.run(*jobs)
    return space


def pages_of(space: Path):
    """The application of a data space's pages."""
    from januspore.dashboard.app import SpaceDashboard, ViewedProject

    return SpaceDashboard(open_project(space, ViewedProject), TOKEN, 0)


@contextmanager
def served(space: Path):
    """Serve a data space's pages; yields their address."""
    from januspore.dashboard.app import ViewedProject
    from januspore.dashboard.command import listen, serve

    with listen("localhost", "0") as listener:
        server = serve(open_project(space, ViewedProject), TOKEN, listener)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{listener.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def sine(space, seed=0, material="MoSSe"):
    where = {"protocol.name": "sine", "seed": seed, "charge_set.material": material}
    (job,) = open_project(space).find_jobs(where)
    return job


def text_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.text


def asked_until(browser, address, wanted):
    """What a page says once it says it: it shows at first what is known so far."""
    for _ in range(200):
        text = text_of(browser.get(address))
        if wanted in text:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{wanted!r} is not in {text}")
