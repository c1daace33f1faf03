"""Times of checkpoints and of the end of a run, from the environment."""

import time

import pytest

from januspore.errors import InputError
from januspore.settings import Limits


def test_the_end_follows_from_the_walltime_or_else_the_scheduler(monkeypatch):
    assert Limits.from_environment() == Limits() and not Limits().near_end()
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 300))
    assert not Limits.from_environment().near_end()
    monkeypatch.setenv("JANUSPORE_MARGIN_SECONDS", "400")
    assert Limits.from_environment().near_end()
    monkeypatch.setenv("JANUSPORE_WALLTIME_MINUTES", "1e6")
    assert not Limits.from_environment().near_end()
    monkeypatch.setenv("JANUSPORE_WALLTIME_MINUTES", "0")
    assert Limits.from_environment().near_end()


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "1:00"])
@pytest.mark.parametrize("name", ["WALLTIME_MINUTES", "MARGIN_SECONDS", "CHECKPOINT_SECONDS"])
def test_a_time_that_is_not_a_number_is_refused_with_its_variable(monkeypatch, name, value):
    monkeypatch.setenv(f"JANUSPORE_{name}", value)
    with pytest.raises(InputError, match=f"JANUSPORE_{name} = {value!r}"):
        Limits.from_environment()
