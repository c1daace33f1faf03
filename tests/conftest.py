"""Settings of all tests: reproducible examples, no progress bars, a default environment."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "januspore",
    derandomize=True,
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("januspore")


@pytest.fixture(autouse=True)
def _stock_environment(monkeypatch):
    for key in [k for k in os.environ if k.startswith("JANUSPORE_")]:
        monkeypatch.delenv(key)
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    monkeypatch.setenv("JANUSPORE_QUIET", "1")
    # Without fsync, which is slow. It only protects from power failures, which no test simulates.
    monkeypatch.setattr("os.fsync", lambda _handle: None)


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def hoomd_method(request):
    """Runs a test twice on a CPU: with HOOMD-blue's method for CPUs and with that for GPUs."""
    from januspore.engines.hoomd_method import METHODS

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "cpu", METHODS[request.param])
        yield request.param


@pytest.fixture(scope="session")
def membranes(tmp_path_factory):
    """A planted data space of two membranes, for the tests of the dashboard; not to be changed."""
    from served import two_membranes

    return two_membranes(tmp_path_factory.mktemp("membranes") / "space")


@pytest.fixture(scope="session")
def pages(membranes):
    """The application of that data space's pages."""
    from served import pages_of

    return pages_of(membranes)


@pytest.fixture
def browser(pages):
    """Asks for pages as a browser that has given the token."""
    from served import TOKEN

    client = pages.app.test_client()
    assert client.get(f"/login?token={TOKEN}").status_code == 302
    return client
