"""Access to the dashboard's pages: tokens, paths, scripts; requests change nothing."""

import shutil
from pathlib import Path

import pytest
from served import TOKEN, asked_until, pages_of, sine, text_of

pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")

from januspore.dashboard.access import token_for
from januspore.errors import InputError
from januspore.simulate.layout import trajectory


def rules(pages, job):
    """An address of every page."""
    for rule in pages.app.url_map.iter_rules():
        values = {"jobid": job.id, "filename": "summary.json"}
        values = {name: values[name] for name in rule.arguments}
        with pages.app.test_request_context():
            from flask import url_for

            yield rule, url_for(rule.endpoint, **values)


def test_without_the_token_every_page_is_refused(pages, membranes):
    job, asked = sine(membranes), 0
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


def test_the_requested_page_is_shown_after_login(pages):
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
def test_a_token_is_required_if_other_machines_can_reach_the_address(host, given, told):
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
def with_links(membranes, tmp_path):
    """A copy of the data space with links to the outside, and a secret file beside it."""
    copy = tmp_path / "copy"
    shutil.copytree(membranes, copy, symlinks=True)
    (tmp_path / "secret.txt").write_text("the secret")
    job = Path(sine(copy).path)
    (job / "link.txt").symlink_to(tmp_path / "secret.txt")
    (job / "linked").symlink_to(tmp_path)
    (copy / "results" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (copy / "project.py").write_text("the secret")
    browser = pages_of(copy).app.test_client()
    browser.get(f"/login?token={TOKEN}")
    return copy, browser


def test_no_path_gives_access_outside_the_data_space(with_links):
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


def test_contents_of_files_are_shown_and_never_run(with_links):
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


def test_requests_change_nothing_in_the_data_space(membranes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(membranes, copy, symlinks=True)
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
