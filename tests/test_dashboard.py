"""The content of the dashboard's pages, requested without a browser."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import TOKEN, asked_until, pages_of, sine, text_of

pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")

from januspore.__main__ import main
from januspore.dashboard import words
from januspore.dashboard.refreshed import Refreshed
from januspore.errors import InputError
from januspore.products.results import parse_filter, results
from januspore.simulate.layout import trajectory
from januspore.space.dataspace import open_project, point_of

# --- what the pages say ------------------------------------------------------------------------


def test_the_project_page_shows_progress_and_every_figure(browser, membranes):
    text = asked_until(browser, "/project/", "of 8 jobs simulated")
    assert "<strong>8 of 8 jobs simulated</strong>, 8 analysed, 2 of" in text
    text = asked_until(browser, "/project/", "figcaption")
    shown = re.findall(r'<img loading="lazy" src="/results/([^"]*)"', text)
    made = [
        p.relative_to(membranes / "results").as_posix() for p in membranes.glob("results/*/*/*.png")
    ]
    assert len(made) == 2 and sorted(shown) == sorted(made)
    for path in shown:
        answer = browser.get(f"/results/{path}")
        assert answer.mimetype == "image/png" and answer.data[1:4] == b"PNG"
    assert "MoSSe (Mo +1.06, S -0.61, Se -0.45 e)" in text and "python -m januspore report" in text


def test_running_and_failed_jobs_are_shown(membranes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(membranes, copy, symlinks=True)
    job = sine(copy)
    shutil.rmtree(trajectory(job))
    (trajectory(job) / "parts").mkdir(parents=True)
    for k, step in enumerate((100, 200, 300)):
        part = trajectory(job) / "parts" / f"{step:015d}.h5"
        part.touch()
        os.utime(part, (1_000_000 + 10 * k,) * 2)
    (trajectory(job) / "lock").write_text("elsewhere 1 x")
    (product,) = (copy / "results" / "ie_curve").glob("MoS2*")
    (product / "lock").write_text("elsewhere 1 x")
    other = sine(copy, material="MoS2")
    Path(other.fn("summary.json")).unlink()
    (trajectory(other) / "lock").write_text("elsewhere 1 x")
    Path(sine(copy, 1).path, "failed.txt").write_text("analyse: job x: <b>broken</b>\nnow\n")
    pages = pages_of(copy)
    browser = pages.app.test_client()
    browser.get(f"/login?token={TOKEN}")
    text = asked_until(browser, "/progress", "of 8 jobs simulated")
    assert "<strong>7 of 8 jobs simulated</strong>" in text
    dt = point_of(job).protocol.dynamics.timestep_ps
    assert f"{300 * dt:g} of" in text and f"{100 * dt / 10 * 86.4:.3g} ns/day" in text
    assert "left at the present speed" in text
    assert f"ie_curve of {product.name}" in text
    assert re.search(rf"analysis of <a [^>]*{other.id}", text)
    assert "analyse: job x: &lt;b&gt;broken&lt;/b&gt;" in text
    text = text_of(browser.get(f"/jobs/{job.id}"))
    assert "simulating" in text and "ns/day" in text


def test_a_job_s_state_point_is_shown_with_units(browser, membranes):
    job = sine(membranes)
    text = text_of(browser.get(f"/jobs/{job.id}"))
    assert "<h1>MoSSe, sine, seed 0</h1>" in text
    rows = dict(re.findall(r"<dt>(.*?)</dt><dd><a [^>]*>(.*?)</a></dd>", text))
    assert rows["amplitude"] == "1.2 V/nm" and rows["frequency"] == "250 GHz"
    assert rows["Se"] == "-0.45 e" and rows["reservoir"] == "0.8 nm" and rows["seed"] == "0"
    assert re.search(r"<dt>engine: name</dt><dd>openmm</dd>", text)
    assert '<span class="stage analysed">analysed</span>' in text
    # Each value links to the jobs with the same value.
    (question,) = re.findall(r'href="(/search\?q=[^"]*amplitude[^"]*)"', text)
    assert "4 of 8 jobs" in text_of(browser.get(question))


@pytest.mark.parametrize(
    ("question", "where"),
    [
        ("protocol.name=sine", ["protocol.name=sine"]),
        ("  protocol.name=sine   seed=1 ", ["protocol.name=sine", "seed=1"]),
        ("charge_set.S=-0.59", ["charge_set.S=-0.59"]),
        (
            'protocol.name={"$in": ["sine", "steps"]} charge_set.material=MoS2',
            ['protocol.name={"$in": ["sine", "steps"]}', "charge_set.material=MoS2"],
        ),
        (
            "seed='{\"$in\": [1, 2]}' protocol.name=sine",
            ['seed={"$in": [1, 2]}', "protocol.name=sine"],
        ),
        ("seed=17", ["seed=17"]),
    ],
)
def test_search_finds_the_jobs_that_results_finds(browser, membranes, question, where):
    table = results(open_project(membranes), parse_filter(where))
    wanted = set() if table.empty else set(table["job"])
    text = text_of(browser.get("/search", query_string={"q": question}))
    assert set(re.findall(r'href="/jobs/([0-9a-f]{32})"', text)) == wanted
    assert f"{len(wanted)} of 8 jobs" in text


def test_search_takes_the_beginning_of_an_id(browser, membranes):
    job = sine(membranes)
    text = text_of(browser.get(f"/search?q={job.id[:8]}"))
    assert re.findall(r'href="/jobs/([0-9a-f]{32})"', text) == [job.id]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("protocol.nam=sine", "no job has this key"),
        ("sine", "must be KEY=VALUE"),
        ('seed={"$in": 3}', "seed"),
        ("seed={\"$where\": \"lambda x: open('ran', 'w')\"}", "runs code"),
    ],
)
def test_an_invalid_search_is_reported(browser, question, told):
    answer = browser.get("/search", query_string={"q": question})
    assert answer.status_code == 400 and told in answer.text
    assert not Path("ran").exists()


KEYS = st.sampled_from(["seed", "protocol.name", "charge_set.Se", "charge_set"])


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    question=st.text(max_size=40) | KEYS.flatmap(lambda key: st.text().map(f"{key}={{}}".format))
)
def test_no_search_causes_an_unhandled_error(browser, question):
    for page in ("/search", "/compare"):
        answer = browser.get(page, query_string={"q": question})
        assert answer.status_code in (200, 400) and "<script>" not in answer.text


def test_created_and_deleted_jobs_are_noticed(membranes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(membranes, copy, symlinks=True)
    browser = pages_of(copy).app.test_client()
    browser.get(f"/login?token={TOKEN}")
    job = sine(copy)
    assert "1 to 8 of 8 jobs" in text_of(browser.get("/jobs/"))
    shutil.move(job.path, tmp_path / "away")
    answer = browser.get(f"/jobs/{job.id}")
    assert answer.status_code == 404 and "may be deleted" in answer.text
    assert not Path(job.path).exists()
    assert "1 to 7 of 7 jobs" in text_of(browser.get("/jobs/"))
    shutil.move(tmp_path / "away", job.path)
    assert "seed 0" in text_of(browser.get(f"/jobs/{job.id}"))


def test_sweeps_are_shown_with_their_titles(membranes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(membranes, copy, symlinks=True)
    asked = ["sweep", "T_trans_K", "--over", "charge_set.material", "--allow", "charge_set.Mo"]
    asked += ["--allow", "charge_set.S", "--allow", "charge_set.Se", "protocol.name=sine"]
    assert main(["--project", str(copy), *asked]) == 0
    browser = pages_of(copy).app.test_client()
    browser.get(f"/login?token={TOKEN}")
    text = asked_until(browser, "/project/", "Sweeps")
    (path,) = (copy / "results" / "sweeps").glob("*.png")
    assert f'src="/results/sweeps/{path.name}"' in text
    assert browser.get(f"/results/sweeps/{path.name}").mimetype == "image/png"


def test_an_empty_data_space_names_init_py(tmp_path):
    assert main(["new", str(tmp_path / "empty")]) == 0
    browser = pages_of(tmp_path / "empty").app.test_client()
    browser.get(f"/login?token={TOKEN}")
    assert "python init.py makes them" in asked_until(browser, "/project/", "0 of 0 jobs")
    assert "No job matches" in text_of(browser.get("/jobs/"))
    assert "No ensemble matches" in text_of(browser.get("/compare"))


def test_a_damaged_job_affects_no_other_page(membranes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(membranes, copy, symlinks=True)
    job, other = sine(copy), sine(copy, 1)
    (trajectory(job) / "record.h5").write_bytes(b"nothing of the kind")
    for frame in [*trajectory(job).glob("frames/*"), *trajectory(job).glob("checkpoint*")]:
        frame.write_bytes(b"torn")
    Path(job.fn("summary.json")).write_text("[")
    Path(other.path, "signac_statepoint.json").write_text("{")
    browser = pages_of(copy).app.test_client()
    browser.get(f"/login?token={TOKEN}")
    assert "seed 0" in text_of(browser.get(f"/jobs/{job.id}"))
    answer = browser.get(f"/jobs/{job.id}/traces.json")
    assert answer.status_code == 500 and "record.h5" in answer.json["fault"]
    answer = browser.get(f"/jobs/{job.id}/frame.json")
    assert answer.status_code == 404 and "no configuration" in answer.json["fault"]
    assert "1 to 7 of 7 jobs" in text_of(browser.get("/jobs/"))


# --- parts -------------------------------------------------------------------------------------


def test_slow_values_are_waited_for_once_and_then_renewed():
    found, gate = [], []

    def slow():
        while not gate:
            time.sleep(0.01)
        if len(gate) == 2:
            raise InputError("the disk is away")
        found.append(len(found))
        return found[-1]

    kept = Refreshed(slow, oldest_s=0.0)
    assert kept.get(wait_s=0.01) is None
    gate.append(1)
    assert kept.get(wait_s=5).value == 0
    for _ in range(500):  # a later request renews it
        if kept.get().value:
            break
        time.sleep(0.01)
    assert kept.get().value >= 1 and kept.fault == ""
    gate.append(2)  # the last value is shown, with the error of the last attempt
    for _ in range(500):
        last = kept.get().value
        if kept.fault:
            break
        time.sleep(0.01)
    assert kept.fault == "the disk is away" and last == found[-1]


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("salt_mol_per_L", 1.0, ("salt", "1 mol/L")),
        ("amplitude_V_per_nm", 1.2, ("amplitude", "1.2 V/nm")),
        ("Se_epsilon_kJ_per_mol", 2.606632, ("Se epsilon", "2.60663 kJ/mol")),
        ("holds_V_per_nm", [0.4, -0.8], ("holds", "0.4, -0.8 V/nm")),
        ("repeats_y", 6, ("repeats y", "6")),
        ("generic_lennard_jones", True, ("generic lennard jones", "true")),
        ("K", 1.0, ("K", "1")),
    ],
)
def test_keys_are_shown_in_words_and_values_with_units(key, value, wanted):
    assert words.measure(key, value) == wanted
