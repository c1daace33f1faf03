"""Files of an analysis: whole or refused, plain JSON, and a digest that changes with any input."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from januspore.analysis.store import (
    NOTED,
    digest_of_inputs,
    plain,
    read_arrays,
    write_analysis,
    write_arrays,
    write_json,
)
from januspore.errors import InputError
from januspore.simulate.layout import branch, frame, trajectory


@pytest.fixture
def job(tmp_path):
    own = SimpleNamespace(id="a" * 32, path=str(tmp_path), fn=lambda name: str(tmp_path / name))
    for path in (trajectory(own) / "record.h5", branch(own, 0) / "record.h5", frame(own, 100)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return own


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"one": np.arange(6.0).reshape(2, 3), "many": np.zeros(2000, int), "n": np.array(3)}
    write_arrays(tmp_path / "a.h5", arrays, {"record": {"job_id": "x"}})
    back = read_arrays(tmp_path / "a.h5", "x")
    assert set(back) == set(arrays)
    assert all((back[k] == v).all() and back[k].dtype == v.dtype for k, v in arrays.items())
    assert set(read_arrays(tmp_path / "a.h5")) == set(arrays)


def test_arrays_of_another_job_and_what_cannot_be_read_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    write_arrays(path, {"one": np.ones(2)}, {"record": {"job_id": "x"}})
    with pytest.raises(InputError, match=r"made of the record of job x; remove summary\.json"):
        read_arrays(path, "y")
    path.write_bytes(path.read_bytes()[:-3])
    for bad in (path, tmp_path / "none.h5"):
        with pytest.raises(InputError, match=r"remove summary\.json beside it"):
            read_arrays(bad)
    # One without the id of its job may belong to any job.
    write_arrays(path, {"one": np.ones(2)}, {})
    assert read_arrays(path, "y")["one"].tolist() == [1.0, 1.0]


def test_a_summary_has_stamps_of_what_it_was_made_from_and_of_its_files(job):
    files = {"analysis.h5": {"one": np.ones(2)}, "hydration.h5": {"two": np.zeros(3)}}
    write_analysis(job, files, {"rows": 7, "T_K": np.nan}, {})
    found = json.loads((trajectory(job).parent / "summary.json").read_text())
    assert found["rows"] == 7 and found["T_K"] is None
    assert set(NOTED) == {"record", "inputs", "files"} and set(found) == {"rows", "T_K", *NOTED}
    assert found["record"]["bytes"] == len(b"record.h5")
    assert set(found["files"]) == set(files) and found["inputs"] == digest_of_inputs(job)
    for name in files:
        assert found["files"][name]["bytes"] == (trajectory(job).parent / name).stat().st_size
    assert read_arrays(trajectory(job).parent / "hydration.h5")["two"].shape == (3,)


def test_the_digest_changes_with_every_record_and_frame_and_with_their_names(job):
    seen = {digest_of_inputs(job)}
    assert digest_of_inputs(job) in seen
    for path in (trajectory(job) / "record.h5", branch(job, 0) / "record.h5", frame(job, 100)):
        path.write_bytes(b"another")
        seen.add(digest_of_inputs(job))
    frame(job, 100).rename(frame(job, 200))
    seen.add(digest_of_inputs(job))
    frame(job, 200).unlink()
    seen.add(digest_of_inputs(job))
    assert len(seen) == 6


def test_values_become_what_json_has(tmp_path):
    value = {
        1: np.float64(2.5),
        "list": [np.int64(3), (np.bool_(True), None)],
        "array": np.array([[1.0, np.nan], [np.inf, -1.0]]),
        "none": {"nan": float("nan"), "text": "x", "flag": False, "whole": 7},
    }
    wanted = {
        "1": 2.5,
        "list": [3, [True, None]],
        "array": [[1.0, None], [None, -1.0]],
        "none": {"nan": None, "text": "x", "flag": False, "whole": 7},
    }
    assert plain(value) == wanted
    assert type(plain(np.float64(2.5))) is float and type(plain(np.int64(3))) is int
    write_json(tmp_path / "x.json", value)
    assert json.loads((tmp_path / "x.json").read_text()) == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
