"""The command `summary`: findings, undecided statements, and paths, on one screen."""

import pytest
from helpers import copy_studies
from test_products import make_all, planted_space

from januspore.__main__ import main
from januspore.report.summary import WIDTH, summary


@pytest.fixture
def space(tmp_path):
    copy_studies(tmp_path)
    return tmp_path


def sections(lines):
    """Lines under each heading, joined to sentences."""
    found, name = {}, ""
    for line in lines:
        if line in ("Found", "Open"):
            name = line
        elif line.startswith("  ") and not line.startswith("   "):
            found.setdefault(name, []).append(line.strip())
        elif line.startswith("   "):
            found[name][-1] += " " + line.strip()
    return found


def test_findings_are_separate_from_undecided_statements(space):
    project = planted_space(space)
    planted_space(space, "--charges", "Mo=1.18,S=-0.59")
    make_all(project, ("ie_curve", "ndr", "water_order"))
    lines = summary(project)
    assert len(lines) <= 40 and max(map(len, lines)) <= WIDTH
    told = sections(lines)
    found = [s for s in told["Found"] if "reverse current below forward, E > 0" in s]
    # Both membranes have half of the current on the reverse branch, and none has NDR.
    assert len(found) == 1 and found[0].startswith("agrees: ") and found[0].count("nA V/nm") == 2
    assert "MoSSe" in found[0] and "MoS2" in found[0]
    assert not any("NDR" in s for s in told["Found"])
    assert any("NDR onset, E > 0" in s and "not enough data" in s for s in told["Open"])
    (pairs,) = [s for s in told["Open"] if "--protocol paired_pulse" in s]
    assert pairs.startswith("Fig. 5A, not measured, 2 statements: python init.py --study medium")


def test_a_number_that_the_paper_does_not_give_is_found_too(space):
    study = space / "studies" / "held.toml"
    text = (space / "studies" / "quick.toml").read_text()
    held = 'name = "staircase"\nholds_V_per_nm = [0.6, 1.2]\nhold_ps = 8.0\n'
    study.write_text(text.split("[[protocols]]")[0] + "[[protocols]]\n" + held)
    project = planted_space(space, "--study", str(study), protocol="staircase")
    make_all(project, ("steady_current",))
    told = sections(summary(project))
    # On the reverse branch `loop` has 200 nA per V/nm; the box is 3.67 nm long.
    (line,) = [s for s in told["Found"] if s.startswith("steady conductance: MoSSe ")]
    assert float(line.split()[3]) == pytest.approx(200 / 3.67, rel=0.05)


def test_an_empty_and_an_unfinished_data_space_name_the_next_command(space, capsys):
    project = planted_space(space)
    assert "Not all is done: python project.py run goes on." in summary(project)
    assert "Found" not in summary(project)
    assert main(["--project", str(space), "summary", "--all"]) == 0
    assert "analysed" in capsys.readouterr().out
