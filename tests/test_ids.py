"""Ids of stored state points, which must not change, as old data spaces could not be extended."""

from pathlib import Path

import signac

from januspore.space.plan import plan
from januspore.space.study import load_study

FROZEN = Path(__file__).parent / "frozen"


def test_the_quick_study_keeps_the_ids_that_it_had(tmp_path):
    """`quick.toml` and `quick.ids` of this folder are frozen copies and must not be changed."""
    points = load_study(str(FROZEN / "quick.toml")).state_points()
    found = plan(signac.init_project(str(tmp_path)), points).points
    kept = [line.split() for line in (FROZEN / "quick.ids").read_text().splitlines()]
    assert len(kept) == 34
    for job_id, name, *_, seed in kept:
        assert job_id in found, (job_id, name, seed)
        assert (found[job_id].protocol.name, found[job_id].seed) == (name, int(seed))
    assert len(found) == len(kept)
