"""The campaigns that kill processes run, and find nothing lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("runners", ["1", "2"])
def test_the_workflow_loses_and_doubles_nothing_when_killed_and_restarted(tmp_path, runners):
    command = [sys.executable, "benchmarks/kill_campaign.py", "--kills", "3", "--longest", "10"]
    command += ["--study", "tests/studies/smallest.toml", "--checkpoint-seconds", "0.3"]
    command += ["--runners", runners, "--output", str(tmp_path / "kills.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "kills.json").read_text())
    assert told["kills"] >= 3 and told["rows"] > 0 and told["paths_checked"] > 0
    assert (told["rows_lost"], told["rows_doubled"], told["problems"]) == (0, 0, [])


@pytest.mark.slow
def test_kills_of_commands_full_disks_and_two_hosts_leave_a_correct_data_space(tmp_path):
    output = tmp_path / "space.json"
    command = [sys.executable, "benchmarks/space_campaign.py", "--output", str(output)]
    command += ["--kills", "12", "--fills", "6", "--pairs", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    assert told["kills"] == 12 and told["rows"] > 0 and told["problems"] == []
    counts = ("rows_lost", "jobs_lost", "rows_doubled", "bricked", "stale", "tracebacks")
    assert [told[name] for name in counts] == [0] * 6
