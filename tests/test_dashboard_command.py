"""The command `dashboard`: its address, its options, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from served import TOKEN
from test_typed import typed
from test_workflow import ROOT

pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")

from januspore.__main__ import main
from januspore.dashboard.command import _in_url, listen


def test_the_command_serves_until_it_is_interrupted(membranes):
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "januspore", "dashboard", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=membranes,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://localhost:\d+/login\?token=[\w-]{32}", address), address
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = opener.open(address).read().decode()
        assert "januspore" in page and membranes.name in page
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address.partition("/login")[0] + "/jobs/")
        port = address.partition("/login")[0].rpartition(":")[2]
        second = typed(membranes, "-m", "januspore", "dashboard", "--port", port)
        assert second.returncode == 2 and second.stderr.count("\n") == 1
        assert f"--port = {port} at localhost: address already in use" in second.stderr
    finally:
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
    assert process.returncode == 0 and "Traceback" not in told and TOKEN not in told


def test_the_address_for_other_machines_has_the_host_name():
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
def test_invalid_options_are_refused_in_one_line(membranes, capsys, options, told):
    assert main(["--project", str(membranes), "dashboard", *options]) == 2
    told_here = capsys.readouterr().err
    assert told in told_here and told_here.count("\n") == 1


def test_a_folder_that_is_no_data_space_is_refused(tmp_path, capsys):
    assert main(["--project", str(tmp_path), "dashboard", "--port", "0"]) == 2
    assert "no data space here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_signac_dashboard_its_extra_is_named(membranes, monkeypatch, capsys):
    monkeypatch.setattr("januspore.dashboard.command.find_spec", lambda _name: None)
    assert main(["--project", str(membranes), "dashboard"]) == 2
    told = capsys.readouterr().err
    assert "pip install 'januspore[dashboard]'" in told and told.count("\n") == 1
