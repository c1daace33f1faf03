"""The pages of a data space, without a browser: what they say, and what they do not give away."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import TOKEN, pages_of, two_membranes
from test_typed import typed
from test_workflow import ROOT

pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")

from januspore.__main__ import main
from januspore.dashboard import compare_figure, words
from januspore.dashboard.access import token_for
from januspore.dashboard.command import _in_url, listen
from januspore.dashboard.frame import configuration, last_state
from januspore.dashboard.refreshed import Refreshed
from januspore.dashboard.traces import POINTS, rows_so_far, traces
from januspore.errors import InputError
from januspore.model.system import build_model
from januspore.products.results import parse_filter, results
from januspore.simulate.layout import trajectory
from januspore.simulate.record import RecordError, RecordFiles, Rows, read_record
from januspore.space.dataspace import open_project, point_of, protocol_of
from januspore.units import E_PER_PS


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return two_membranes(tmp_path_factory.mktemp("pages") / "space")


@pytest.fixture(scope="module")
def pages(space):
    return pages_of(space)


@pytest.fixture
def browser(pages):
    """Asks for pages as a browser that has given the token."""
    client = pages.app.test_client()
    assert client.get(f"/login?token={TOKEN}").status_code == 302
    return client


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


# --- what the pages say ----------------------------------------------------------------------


def test_the_project_page_says_how_far_it_is_and_shows_every_figure(browser, space):
    text = asked_until(browser, "/project/", "of 8 jobs simulated")
    assert "<strong>8 of 8 jobs simulated</strong>, 8 analysed, 2 of" in text
    text = asked_until(browser, "/project/", "figcaption")
    shown = re.findall(r'<img loading="lazy" src="/results/([^"]*)"', text)
    made = [p.relative_to(space / "results").as_posix() for p in space.glob("results/*/*/*.png")]
    assert len(made) == 2 and sorted(shown) == sorted(made)
    for path in shown:
        answer = browser.get(f"/results/{path}")
        assert answer.mimetype == "image/png" and answer.data[1:4] == b"PNG"
    assert "MoSSe (Mo +1.06, S -0.61, Se -0.45 e)" in text and "python -m januspore report" in text


def test_what_runs_and_what_failed_is_told(space, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(space, copy, symlinks=True)
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


def test_a_job_is_told_in_words_with_units(browser, space):
    job = sine(space)
    text = text_of(browser.get(f"/jobs/{job.id}"))
    assert "<h1>MoSSe, sine, seed 0</h1>" in text
    rows = dict(re.findall(r"<dt>(.*?)</dt><dd><a [^>]*>(.*?)</a></dd>", text))
    assert rows["amplitude"] == "1.2 V/nm" and rows["frequency"] == "250 GHz"
    assert rows["Se"] == "-0.45 e" and rows["reservoir"] == "0.8 nm" and rows["seed"] == "0"
    assert re.search(r"<dt>engine: name</dt><dd>openmm</dd>", text)
    assert '<span class="stage analysed">analysed</span>' in text
    # Each value asks for the jobs alike in it.
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
def test_search_answers_as_results_does(browser, space, question, where):
    table = results(open_project(space), parse_filter(where))
    wanted = set() if table.empty else set(table["job"])
    text = text_of(browser.get("/search", query_string={"q": question}))
    assert set(re.findall(r'href="/jobs/([0-9a-f]{32})"', text)) == wanted
    assert f"{len(wanted)} of 8 jobs" in text


def test_search_takes_the_beginning_of_an_id(browser, space):
    job = sine(space)
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
def test_a_question_that_cannot_be_answered_is_told_of(browser, question, told):
    answer = browser.get("/search", query_string={"q": question})
    assert answer.status_code == 400 and told in answer.text
    assert not Path("ran").exists()


KEYS = st.sampled_from(["seed", "protocol.name", "charge_set.Se", "charge_set"])


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    question=st.text(max_size=40) | KEYS.flatmap(lambda key: st.text().map(f"{key}={{}}".format))
)
def test_no_question_brings_a_page_down(browser, question):
    for page in ("/search", "/compare"):
        answer = browser.get(page, query_string={"q": question})
        assert answer.status_code in (200, 400) and "<script>" not in answer.text


def test_jobs_that_come_and_go_are_seen(space, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(space, copy, symlinks=True)
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


def test_sweeps_are_shown_with_their_titles(space, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(space, copy, symlinks=True)
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


def test_a_damaged_job_spoils_no_page(space, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(space, copy, symlinks=True)
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


# --- comparison ------------------------------------------------------------------------------


def keys_of(browser, question):
    text = text_of(browser.get("/compare", query_string={"q": question}))
    return re.findall(r'name="e" value="([0-9a-f]+)"', text)


def test_two_membranes_stand_side_by_side(browser):
    keys = keys_of(browser, "protocol.name=sine")
    assert len(keys) == 2
    text = text_of(browser.get("/compare", query_string={"e": keys}))
    rows = {
        cells[0]: cells[1:]
        for row in re.findall(r"<tr>(.*?)</tr>", text, re.S)
        if (cells := re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S))
    }
    assert rows[""] == ["A: MoSSe, sine", "B: MoS2, sine"]
    assert rows["material"] == ["MoSSe", "MoS2"] and rows["S"] == ["-0.61", "-0.59"]
    assert "amplitude, V/nm" not in rows  # the same in both
    assert rows["stage"] == ["2 analysed", "2 analysed"] and all(
        "300" in cell for cell in rows["T trans, K"]
    )
    assert "<option selected>current against field</option>" in text
    png = browser.get("/compare.png", query_string={"e": keys, "show": "current against field"})
    assert png.mimetype == "image/png" and png.data[1:4] == b"PNG"


def test_the_figure_has_the_curves_of_the_tables(browser, pages, monkeypatch):
    """Every point drawn is a row of the product, and no other."""
    drawn = []
    figure = compare_figure.Figure

    def kept(*arguments, **keys):
        drawn.append(figure(*arguments, **keys))
        return drawn[-1]

    monkeypatch.setattr(compare_figure, "Figure", kept)
    keys = keys_of(browser, "protocol.name=sine")
    browser.get("/compare.png", query_string={"e": keys})
    (axes,) = drawn[0].axes
    points = np.concatenate([part[0].get_xydata() for part in axes.containers])
    wanted = []
    for path in Path(pages.project.path, "results", "ie_curve").glob("*/*.csv"):
        rows = pd.read_csv(path).query("estimator == 'pore slab' and species == 'total'")
        wanted.append(rows[["field_V_per_nm", "current_nA"]].to_numpy())
    wanted = np.concatenate(wanted)
    assert len(points) == len(wanted) > 4
    assert np.allclose(np.sort(points, axis=0), np.sort(wanted, axis=0))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"e": ["0" * 10]}, "not in this data space"),
        ({"e": [str(k) for k in range(9)]}, "at most 8"),
        ({"show": "nonsense"}, "must be one of current against field"),
    ],
)
def test_what_cannot_be_compared_is_told_of(browser, asked, told):
    for page in ("/compare", "/compare.png"):
        answer = browser.get(page, query_string=asked)
        assert answer.status_code == 400 and told in answer.text


def test_ensembles_without_products_still_have_a_table(browser):
    keys = keys_of(browser, "protocol.name=equilibrate")
    text = text_of(browser.get("/compare", query_string={"e": keys}))
    assert "T trans, K" in text and "No product of these" in text
    assert browser.get("/compare.png", query_string={"e": keys}).mimetype == "image/png"


# --- traces and frames -----------------------------------------------------------------------


def test_traces_have_the_means_of_the_record(browser, space):
    job = sine(space)
    rows = read_record(trajectory(job) / "record.h5")[0]
    found = browser.get(f"/jobs/{job.id}/traces.json").json
    assert len(found["time_ps"]) == len(rows) < POINTS
    panels = {panel["title"]: panel["lines"] for panel in found["panels"]}
    assert np.allclose(panels["field along x"]["field"], rows["field_V_per_nm"], rtol=1e-5)
    # I = sum q dx / (L t) with L the slab's width.
    slab, recording = panels["current through the pore's slab"], protocol_of(job).recording
    unit = E_PER_PS / (2 * recording.slab_half_width_nm * recording.sample_interval_ps)
    assert np.allclose(slab["K+"], rows["K_slab_e_nm"] * unit, rtol=1e-5)
    assert np.allclose(np.add(slab["K+"], slab["Cl-"]), slab["total"], rtol=1e-4)
    order = panels["order: mean cosine of the pore's water dipoles to +x"]["mean cosine"]
    waters = rows["water_in_pore"][0]
    assert np.allclose(order, rows["cos_dipole"].reshape(-1, waters).mean(axis=1), atol=1e-5)
    for odd in ("from=nan&to=inf", "from=9e9", "from=2&to=1", "from=x&run=0", "to=-1"):
        assert browser.get(f"/jobs/{job.id}/traces.json?{odd}").json["time_ps"], odd
    for none in ("run=1", "run=-1"):
        assert browser.get(f"/jobs/{job.id}/traces.json?{none}").status_code == 404
    half = browser.get(f"/jobs/{job.id}/traces.json?from=1&to=2").json
    assert min(half["time_ps"]) >= 1 and max(half["time_ps"]) <= 2


def test_a_long_record_is_averaged_and_loses_nothing(space):
    job = sine(space)
    short = read_record(trajectory(job) / "record.h5")[0]
    repeats = 200
    columns = {name: np.tile(values, repeats) for name, values in short.columns.items()}
    columns["step"] = np.arange(1, len(columns["step"]) + 1) * short["step"][0]
    columns["T_trans_K"][::2] = np.nan  # sampled at every other row
    columns["potential_kJ_per_mol"][:] = np.nan
    long = Rows(columns)
    found = traces(long, protocol_of(job))
    assert POINTS / 2 < len(found["time_ps"]) <= POINTS
    panels = {panel["title"]: panel["lines"] for panel in found["panels"]}
    total = panels["current through the pore's slab"]["total"]
    whole = sum(long[f"{ion}_slab_e_nm"].mean() for ion in long.ions)
    recording = protocol_of(job).recording
    factor = E_PER_PS / (2 * recording.slab_half_width_nm * recording.sample_interval_ps)
    size = round(found["mean_over_ps"] / recording.sample_interval_ps)
    weights = np.full(len(total), size)
    weights[-1] = len(long) - size * (len(total) - 1)
    assert np.average(total, weights=weights) == pytest.approx(whole * factor, rel=1e-3, abs=1e-3)
    assert panels["temperature"]["translation"] == pytest.approx([300.0] * len(total))
    assert panels["potential energy"]["potential"] == [None] * len(total)


def test_what_is_being_simulated_is_seen_so_far(space, tmp_path):
    job = sine(space)
    whole = read_record(trajectory(job) / "record.h5")[0]
    steps = whole["step"]
    files = RecordFiles(tmp_path, job.id)
    first = whole.until(int(steps[4]))
    files.append(first)
    waters = int(first["water_in_pore"].sum())
    rest = {
        name: values[waters if name in ("theta_rad", "cos_dipole") else 5 :]
        for name, values in whole.columns.items()
    }
    assert len(rows_so_far(tmp_path, job.id)) == 5
    files.append(Rows(rest))
    found = rows_so_far(tmp_path, job.id)
    assert np.array_equal(found["step"], steps)
    assert np.array_equal(found["cos_dipole"], whole["cos_dipole"])
    assert rows_so_far(tmp_path / "none", job.id) is None
    with pytest.raises(RecordError, match="belongs to job"):
        rows_so_far(tmp_path, "another")


def test_the_last_configuration_is_whole(space):
    job = sine(space)
    point, state = point_of(job), last_state(job)
    model = build_model(point)
    frames = sorted(trajectory(job).glob("frames/*.gsd"))
    assert state.step == max(int(path.stem) for path in frames)
    found = json.loads(json.dumps(configuration(state, point)))
    names = [found["species"][k]["name"] for k in found["atoms"]]
    assert len(names) == model.n_atoms and names.count("O") == len(model.waters)
    places = np.array(found["places"]).reshape(-1, 3)
    bonds = places[model.waters[:, 1]] - places[model.waters[:, 0]]
    assert np.allclose(np.linalg.norm(bonds, axis=1), 0.1, atol=0.01)
    ions = places[[k for k, name in enumerate(names) if name in ("K", "Cl")]]
    assert (np.abs(ions) <= np.array(found["box"]) / 2 + 1e-3).all()
    radius = np.hypot(*places[found["in_pore"]].T[1:]) if found["in_pore"] else np.zeros(1)
    assert (radius < point.protocol.recording.pore_radius_nm + 1e-3).all()


# --- who may see what ------------------------------------------------------------------------


def rules(pages, job):
    """An address of every page that there is."""
    for rule in pages.app.url_map.iter_rules():
        values = {"jobid": job.id, "filename": "summary.json"}
        values = {name: values[name] for name in rule.arguments}
        with pages.app.test_request_context():
            from flask import url_for

            yield rule, url_for(rule.endpoint, **values)


def test_without_the_token_no_page_says_anything(pages, space):
    job, asked = sine(space), 0
    for rule, address in rules(pages, job):
        if rule.endpoint in ("login", "logout", "own", "static") or "GET" not in rule.methods:
            continue
        answer = pages.app.test_client().get(address)
        assert answer.status_code == 401, address
        assert "MoSSe" not in answer.text and job.id not in answer.text
        asked += 1
    assert asked > 12


@pytest.mark.parametrize("given", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\N{SNOWMAN}"])
def test_a_wrong_token_opens_nothing(pages, given):
    client = pages.app.test_client()
    for answer in (
        client.get("/login", query_string={"token": given}),
        client.post("/login", data={"token": given}),
    ):
        assert answer.status_code == 403 and "not the token" in answer.text
    assert client.get("/jobs/").status_code == 401


def test_after_the_token_the_page_that_was_asked_for_follows(pages):
    client = pages.app.test_client()
    client.get("/search?q=seed%3D1")
    client.get("/progress")
    answer = client.post("/login", data={"token": TOKEN})
    assert answer.location.endswith("/search?q=seed%3D1")
    assert client.get("/logout").status_code == 302
    assert client.get("/jobs/").status_code == 401


@pytest.mark.parametrize(
    ("host", "given", "told"),
    [
        ("0.0.0.0", None, "choose a --token"),
        ("::", None, "choose a --token"),
        ("192.168.1.4", None, "choose a --token"),
        ("example.org", None, "choose a --token"),
        ("localhost", "short", "at least 16"),
        ("127.0.0.1", "with spaces in it, and long", "letters and digits"),
    ],
)
def test_a_token_is_asked_for_where_others_can_reach_it(host, given, told):
    with pytest.raises(InputError, match=told):
        token_for(host, given)


def test_every_start_has_a_token_of_its_own():
    tokens = {token_for(host, None) for host in ("localhost", "127.0.0.1", "::1") * 5}
    assert len(tokens) == 15 and all(len(token) >= 32 for token in tokens)
    assert token_for("0.0.0.0", TOKEN) == TOKEN


PATHS = (
    "../../project.py",
    "../../../secret.txt",
    "..%2f..%2f..%2fsecret.txt",
    "%2e%2e/%2e%2e/%2e%2e/secret.txt",
    "trajectory/../../../../secret.txt",
    "..%252f..%252fsecret.txt",
    "....//....//secret.txt",
    "..%5c..%5csecret.txt",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "/etc/passwd",
    "link.txt",
    "linked/secret.txt",
    "summary.json%00.png",
    "trajectory",
    ".",
    "",
)


@pytest.fixture
def with_links(space, tmp_path):
    """A copy of the data space, with links out of it, and a secret beside it."""
    copy = tmp_path / "copy"
    shutil.copytree(space, copy, symlinks=True)
    (tmp_path / "secret.txt").write_text("the secret")
    job = Path(sine(copy).path)
    (job / "link.txt").symlink_to(tmp_path / "secret.txt")
    (job / "linked").symlink_to(tmp_path)
    (copy / "results" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (copy / "project.py").write_text("the secret")
    browser = pages_of(copy).app.test_client()
    browser.get(f"/login?token={TOKEN}")
    return copy, browser


def test_no_path_leads_out_of_the_data_space(with_links):
    copy, browser = with_links
    job = sine(copy).id
    for path in PATHS:
        for start in (f"/jobs/{job}/file/", f"/jobs/{job}/text/", "/results/", "/project/file/"):
            answer = browser.get(start + path, follow_redirects=True)
            assert b"the secret" not in answer.data and b"root:" not in answer.data, start + path
            given_away = answer.status_code == 200 and "attachment" in str(answer.headers)
            assert not given_away, start + path
    assert browser.get("/results/../project.py").status_code == 404
    assert browser.get("/project/file/project.py").status_code == 404
    assert browser.get("/own/../app.py").status_code == 404
    assert browser.get("/static/..%2f..%2fdashboard.py").status_code == 404


def test_a_workspace_on_another_disk_is_part_of_the_data_space(with_links, tmp_path):
    copy, _ = with_links
    shutil.move(copy / "workspace", tmp_path / "scratch")
    (copy / "workspace").symlink_to(tmp_path / "scratch")
    browser = pages_of(copy).app.test_client()
    browser.get(f"/login?token={TOKEN}")
    job = sine(copy)
    answer = browser.get(f"/jobs/{job.id}/file/trajectory/record.h5")
    assert answer.data == (trajectory(job) / "record.h5").read_bytes()
    assert "attachment" in answer.headers["Content-Disposition"]
    assert browser.get(f"/jobs/{job.id}/file/link.txt").status_code == 404


EVIL = "<script>alert('x')</script>"


def test_what_files_hold_is_shown_and_never_run(with_links):
    copy, browser = with_links
    job = sine(copy)
    for name in (f"{EVIL.replace('/', '')}.txt", "page.html", "picture.svg", "notes.txt"):
        Path(job.path, name).write_text(EVIL)
    job.doc["note"] = EVIL
    Path(job.path, "failed.txt").write_text(EVIL)
    (copy / "results" / "report.html").write_text(EVIL)
    for page in (f"/jobs/{job.id}", f"/jobs/{job.id}/text/notes.txt", "/progress", "/project/"):
        text = (
            asked_until(browser, page, "script")
            if page == "/progress"
            else text_of(browser.get(page))
        )
        assert "<script>" not in text
    assert "&lt;script&gt;" in text_of(browser.get(f"/jobs/{job.id}/text/notes.txt"))
    for address in (f"/search?q={EVIL}", f"/compare?e={EVIL}", f"/jobs/{EVIL}", f"/{EVIL}"):
        assert "<script>" not in browser.get(address).text
    for name in ("page.html", "picture.svg"):
        answer = browser.get(f"/jobs/{job.id}/file/{name}")
        assert "attachment" in answer.headers["Content-Disposition"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    report = browser.get("/results/report.html")
    assert report.headers["Content-Security-Policy"].startswith("sandbox;")
    policy = browser.get("/jobs/").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "default-src 'none'" in policy


def test_looking_changes_nothing(space, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(space, copy, symlinks=True)
    (copy / ".signac" / "statepoint_cache.json.gz").unlink(missing_ok=True)

    def stamps():
        files = [p for p in copy.rglob("*") if p.is_file()]
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in files}

    job = sine(copy)
    before = stamps()
    pages = pages_of(copy)
    browser = pages.app.test_client()
    browser.get(f"/login?token={TOKEN}")
    for rule, address in rules(pages, job):
        if rule.endpoint != "logout":
            browser.get(address)
            writes = rule.methods - {"GET", "HEAD", "OPTIONS"}
            assert not writes or rule.endpoint in ("login", "change_modules")
    asked_until(browser, "/project/", "figcaption")
    assert browser.post("/modules", data={"modules[0]": "on"}).status_code == 404
    assert browser.post(f"/jobs/{job.id}").status_code == 405
    assert stamps() == before


# --- the command -----------------------------------------------------------------------------


def test_it_serves_until_it_is_told_to_stop(space):
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "januspore", "dashboard", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=space, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://localhost:\d+/login\?token=[\w-]{32}", address), address
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = opener.open(address).read().decode()
        assert "januspore" in page and space.name in page
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address.partition("/login")[0] + "/jobs/")
        port = address.partition("/login")[0].rpartition(":")[2]
        second = typed(space, "-m", "januspore", "dashboard", "--port", port)
        assert second.returncode == 2 and second.stderr.count("\n") == 1
        assert f"--port = {port} at localhost: address already in use" in second.stderr
    finally:
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
    assert process.returncode == 0 and "Traceback" not in told and TOKEN not in told


def test_others_are_told_the_name_of_this_machine():
    assert _in_url("0.0.0.0") == _in_url("::") == socket.gethostname()
    assert _in_url("localhost") == "localhost" and _in_url("::1") == "[::1]"
    with listen("0.0.0.0", "0") as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--port", "70000"], "--port = 70000: must be a whole number from 0 to 65535"),
        (["--port", "http"], "--port = http: must be"),
        (["--port", "-1"], "--port = -1: must be"),
        (["--host", "no.such.host.invalid", "--token", TOKEN], "--host = no.such.host.invalid"),
        (["--host", "0.0.0.0"], "--host = 0.0.0.0"),
        (["--token", "short"], "--token of 5 characters"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(space, capsys, options, told):
    assert main(["--project", str(space), "dashboard", *options]) == 2
    told_here = capsys.readouterr().err
    assert told in told_here and told_here.count("\n") == 1


def test_a_folder_that_is_no_data_space_is_told_of(tmp_path, capsys):
    assert main(["--project", str(tmp_path), "dashboard", "--port", "0"]) == 2
    assert "no data space here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_signac_dashboard_its_extra_is_named(space, monkeypatch, capsys):
    monkeypatch.setattr("januspore.dashboard.command.find_spec", lambda _name: None)
    assert main(["--project", str(space), "dashboard"]) == 2
    told = capsys.readouterr().err
    assert "pip install 'januspore[dashboard]'" in told and told.count("\n") == 1


# --- parts -----------------------------------------------------------------------------------


def test_what_takes_long_is_waited_for_once_and_found_again():
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
    for _ in range(500):  # a later question has it found again
        if kept.get().value:
            break
        time.sleep(0.01)
    assert kept.get().value >= 1 and kept.fault == ""
    gate.append(2)  # what was found last is shown, and why there is nothing newer
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
def test_a_key_is_told_in_words_and_its_value_with_its_unit(key, value, wanted):
    assert words.measure(key, value) == wanted
