"""Products are made again if the content of their inputs changes or a file is damaged."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from planted import plant, planted_rows
from test_products import loop, make_all, narrowing, planted_space, space  # noqa: F401

from januspore.__main__ import main
from januspore.errors import InputError
from januspore.products.results import product_table, results
from januspore.run import operations
from januspore.simulate.layout import trajectory
from januspore.simulate.record import read_record, write_record
from januspore.space import faults
from januspore.space.conditions import is_analysed
from januspore.space.dataspace import open_project, point_of

MADE = ("ie_curve", "ndr")


def sines(project):
    return sorted(project.find_jobs({"protocol.name": "sine"}), key=lambda j: j.statepoint["seed"])


def csv(space):  # noqa: F811
    return next((space / "results" / "ie_curve").rglob("*.csv"))


def asked(space, *words):  # noqa: F811
    return main(["--project", str(space), *words])


def test_a_job_redone_with_other_numbers_of_the_same_length_makes_its_products_again(space):  # noqa: F811
    project = planted_space(space)
    make_all(project, MADE)
    before = csv(space).read_bytes()
    job = sines(project)[1]
    again = planted_rows(point_of(job), loop, narrowing, np.random.default_rng(99))
    plant(job, again)
    assert {name for name, _ in make_all(project, MADE)} == set(MADE)
    assert csv(space).read_bytes() != before
    plant(job, again)  # the same numbers as before
    assert make_all(project, MADE) == []


def test_a_record_that_differs_from_the_analysed_one_is_analysed_again(space):  # noqa: F811
    job = sines(planted_space(space))[0]
    record = trajectory(job) / "record.h5"
    times = record.stat().st_atime_ns, record.stat().st_mtime_ns
    rows, _ = read_record(record)
    rows.columns["K_slab_e_nm"][3] += 1.0
    write_record(record, rows, {})
    os.utime(record, ns=(times[0], times[1] - 10**9))  # an older one, of the same length
    assert not is_analysed(job)


def test_files_copied_without_their_times_are_still_analysed_and_made(space, tmp_path):  # noqa: F811
    make_all(planted_space(space), MADE)
    copy = tmp_path / "copy"
    for place in ("workspace", "results"):
        shutil.copytree(space / place, copy / place, copy_function=shutil.copyfile)
    now = 1.0e9
    for path in sorted(copy.rglob("*")):  # summaries older than records
        now += 10.0
        os.utime(path, (now, now))
    project = open_project(copy)
    assert all(map(is_analysed, sines(project)))
    assert results(project, {"protocol.name": "sine"}).analysed.all()
    assert make_all(project, MADE) == []


def test_a_lost_or_truncated_analysis_does_not_count_as_done(space):  # noqa: F811
    job = sines(planted_space(space))[0]
    path = Path(job.fn("analysis.h5"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert not is_analysed(job)
    path.unlink()
    assert not is_analysed(job)
    path.write_bytes(whole)
    assert is_analysed(job)


def owned(job):
    """Store the job's id in a planted record, as a simulation does."""
    record = trajectory(job) / "record.h5"
    write_record(record, read_record(record)[0], {"job_id": job.id})
    return record


def test_a_record_copied_from_another_seed_is_refused_in_one_line(space):  # noqa: F811
    first, second = map(owned, sines(planted_space(space))[:2])
    job = sines(open_project(space))[1]
    operations.analyse(job)
    assert is_analysed(job)
    shutil.copy(first, second)
    assert not is_analysed(job)
    with pytest.raises(InputError, match="belongs to job") as caught:
        operations.analyse(job)
    assert str(second) in str(caught.value) and "move it away" in str(caught.value)


def test_an_analysis_copied_from_another_seed_is_refused_in_one_line(space):  # noqa: F811
    project = planted_space(space)
    jobs = sines(project)
    for job in jobs:
        owned(job)
        operations.analyse(job)
    copied = shutil.copy(jobs[0].fn("analysis.h5"), jobs[1].fn("analysis.h5"))
    summary = json.loads(Path(jobs[1].fn("summary.json")).read_text())
    summary["files"]["analysis.h5"]["bytes"] = Path(copied).stat().st_size  # equal sizes
    Path(jobs[1].fn("summary.json")).write_text(json.dumps(summary))
    with pytest.raises(InputError, match=f"made of the record of job {jobs[0].id}"):
        make_all(project, ("ie_curve",))


@pytest.mark.parametrize("kind", ["csv", "png", "json"])
@pytest.mark.parametrize("how", ["lost", "cut", "changed", "empty"])
def test_a_lost_or_damaged_product_file_is_reported_and_made_again(space, capsys, kind, how):  # noqa: F811
    project = planted_space(space)
    make_all(project, ("ie_curve",))
    path = csv(space).with_suffix(f".{kind}")
    whole = path.read_bytes()
    if how == "lost":
        path.unlink()
    elif how == "changed":
        path.write_bytes(whole[:-9] + b"7" + whole[-8:])
    else:
        path.write_bytes(whole[: len(whole) // 2] if how == "cut" else b"")
    gone = kind == "json" and how == "lost"  # without its JSON a product does not exist
    for words in (["summary"], ["report"], ["results", "--product", "ie_curve", "--csv"]):
        assert asked(space, *words) == (0 if gone else 2)
        told = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
        assert len(told) == (0 if gone else 1)
        assert gone or (str(path) in told[0] and "makes it again" in told[0])
    if kind != "json" or how != "changed":  # only verify detects changes inside a JSON file
        assert [name for name, _ in make_all(project, ("ie_curve",))] == ["ie_curve"]
        faults.forget()
        assert len(product_table(project, "ie_curve")) and faults.status() == 0
        assert (path.read_bytes() == whole) or kind == "json"


@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"product": "ie_curve"}', "\x00"])
def test_json_in_results_that_is_no_product_is_reported(space, capsys, content):  # noqa: F811
    make_all(planted_space(space), ("ie_curve",))
    stranger = space / "results" / "ie_curve" / "elsewhere" / "ie_curve.json"
    stranger.parent.mkdir()
    stranger.write_text(content)
    for words in (["summary"], ["report"]):
        assert asked(space, *words) == 2
        told = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
        assert len(told) == 1 and str(stranger) in told[0]
    assert "ie_curve of MoSSe" in (space / "results" / "report.html").read_text()


def test_the_report_says_when_a_product_is_not_of_the_present_data(space, capsys):  # noqa: F811
    project = planted_space(space)
    make_all(project, ("ie_curve",))
    assert asked(space, "report") == 0
    assert "STALE" not in (space / "results" / "report.md").read_text()
    job = sines(project)[0]
    plant(job, planted_rows(point_of(job), loop, narrowing, np.random.default_rng(7)))
    assert asked(space, "report") == 0
    assert "not of the present data" in capsys.readouterr().err
    assert "STALE: not of the present data" in (space / "results" / "report.md").read_text()
    shutil.rmtree(space / "workspace")
    assert asked(space, "report") == 0
    assert "its jobs are no longer" in (space / "results" / "report.md").read_text()


def test_a_product_s_json_contains_stamps_of_its_files(space):  # noqa: F811
    make_all(planted_space(space), ("ie_curve",))
    kept = json.loads(csv(space).with_suffix(".json").read_text())
    assert set(kept["files"]) == {"ie_curve.csv", "ie_curve.png"}
    assert kept["files"]["ie_curve.csv"]["bytes"] == csv(space).stat().st_size
