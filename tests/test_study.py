"""Studies and `init.py`: expansion into jobs, extension, refusals."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from helpers import STUDIES, copy_studies

from januspore.errors import InputError
from januspore.products import PRODUCTS
from januspore.run.initialise import init_command
from januspore.schema import parent_of
from januspore.space.dataspace import dump, open_project
from januspore.space.plan import plan
from januspore.space.study import load_study, parse_charges, parse_seeds

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def space(tmp_path):
    copy_studies(tmp_path)
    return tmp_path


def init(space, *arguments):
    init_command(list(arguments), space)


def ids(space):
    return {job.id for job in open_project(space)}


def tree(space):
    return sorted(p for p in space.rglob("*") if "studies" not in p.parts)


def test_init_twice_is_a_no_op(space, capsys):
    init(space)
    before = {p: p.stat().st_mtime_ns for p in tree(space) if p.name == "signac_statepoint.json"}
    assert "8 new, 0 existing" in capsys.readouterr().out
    init(space)
    assert "0 new, 8 existing" in capsys.readouterr().out
    assert {
        p: p.stat().st_mtime_ns for p in tree(space) if p.name == "signac_statepoint.json"
    } == before


def test_extension_by_charges_and_seeds_leaves_every_old_job(space):
    init(space)
    old = ids(space)
    init(space, "--charges", "Mo=1.06,S=-0.66,Se=-0.40")
    more = ids(space)
    assert old < more and len(more) == 16
    init(space, "--seeds", "4:6")
    assert more < ids(space)
    # Seeds beyond the equilibrations start from later snapshots of the same four.
    equilibrations = open_project(space).find_jobs(
        {"protocol.name": "equilibrate", "charge_set.Se": -0.45}
    )
    assert sorted(job.doc["snapshots"] for job in equilibrations) == [1, 1, 2, 2]
    assert len(equilibrations) == 4


def test_a_repeat_with_other_seeds_shares_no_seed_and_no_equilibration(space, capsys):
    init(space, "--study", str(ROOT / "studies" / "quick.toml"))
    first = {job.id: job.statepoint() for job in open_project(space)}
    capsys.readouterr()
    init(space, "--seeds-from", "100")
    assert f"{len(first)} new, 0 existing" in capsys.readouterr().out
    again = [j.statepoint() for j in open_project(space) if j.id not in first]
    # The same protocols and numbers of seeds, each seed 100 higher; equilibrations as well.
    moved = sorted((str(p["protocol"]), p["seed"] + 100) for p in first.values())
    assert sorted((str(p["protocol"]), p["seed"]) for p in again) == moved


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seeds-from", "100", "--seeds", "0:2"], "only one of them"),
        (["--seeds-from", "2147483646"], "seed"),
        (["--seeds-from", "100", "--decide"], "leave out --seeds-from"),
    ],
)
def test_invalid_first_seeds_are_refused_in_one_line(space, arguments, named):
    with pytest.raises(InputError, match=named) as error:
        init(space, *arguments)
    assert "\n" not in str(error.value) and not ids(space)


def test_dry_run_writes_no_job(space, capsys):
    init(space, "--dry-run", "--study", "paper")
    assert "dry run" in capsys.readouterr().out
    assert not ids(space)


def test_the_paper_study_has_the_paper_s_values():
    points = load_study("paper", ROOT / "studies").state_points()
    sets = {tuple(p.charge_set.model_dump().values()) for p in points}
    assert len(sets) == 5
    sines = [p for p in points if p.protocol.name == "sine"]
    assert {(p.protocol.amplitude_V_per_nm, p.protocol.frequency_GHz) for p in sines} == {
        (1.2, 0.2)
    }
    assert {p.protocol.cycles for p in sines} == {10} and len(sines) == 50
    trains = [p for p in points if p.protocol.name == "pulse_train"]
    assert {p.seed for p in trains} == set(range(150))
    parents = {parent_of(p).model_dump_json() for p in points}
    assert len(parents) == 50  # all protocols share ten equilibrations of each charge set


def test_quick_study_makes_every_product_and_four_seeds_of_what_is_compared():
    quick, paper = (load_study(name, ROOT / "studies") for name in ("quick", "paper"))
    assert {p["name"] for p in quick.protocols} >= {p["name"] for p in paper.protocols}
    points = quick.state_points()
    points += [parent_of(point) for point in points]
    can = set().union(*(point.protocol.capabilities() for point in points))
    # Bulk liquids are in the validation study.
    assert {product.needs for product in PRODUCTS} - {"bulk", ""} <= can
    seeds = Counter(p.protocol.model_dump_json() for p in points if p.protocol.name != "barrier")
    assert min(seeds.values()) >= 4


def test_medium_study_has_every_protocol_of_the_paper():
    medium, paper = (load_study(name, ROOT / "studies") for name in ("medium", "paper"))
    names = [{(p["name"], p.get("mode")) for p in study.protocols} for study in (medium, paper)]
    assert names[0] == names[1]
    # Every seed has its own equilibration: 24 for the Janus membrane, 12 for the neutral one.
    assert len({parent_of(p).model_dump_json() for p in medium.state_points()}) == 36


SWEEP = """
[[charge_sets]]
name = "base"
Mo = 1.0
S = -0.5
Se = -0.5

[[charge_sets]]
Mo = 0.8
S = -0.4
Se = -0.4

[[charge_sets]]
name = "MoS2"
Mo = 1.0
S = -0.5

[[protocols]]
name = "sine"
seeds = {{ base = "0:3", MoS2 = 7 }}

[[protocols]]
name = "staircase"
holds_V_per_nm = [1.0]
seeds = {seeds}
"""


def counts(study, *arguments):
    """Seeds by (protocol, charge of Mo, material)."""
    found = {}
    for p in study.state_points(*arguments):
        key = p.protocol.name, p.charge_set.Mo, p.charge_set.material
        found.setdefault(key, []).append(p.seed)
    return found


def test_seeds_by_charge_set(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP.format(seeds='"0:2"'))
    study = load_study(str(path))
    assert counts(study) == {
        ("sine", 1.0, "MoSSe"): [0, 1, 2],
        ("sine", 1.0, "MoS2"): [7],
        ("staircase", 1.0, "MoSSe"): [0, 1],
        ("staircase", 0.8, "MoSSe"): [0, 1],
        ("staircase", 1.0, "MoS2"): [0, 1],
    }
    # Other seeds replace the study's; another charge set is treated as the study's first one.
    seeds = counts(study, None, ["sine"], (4, 5))
    assert seeds == {("sine", 1.0, "MoSSe"): [4, 5], ("sine", 1.0, "MoS2"): [4, 5]}
    own, known = parse_charges("Mo=0.6,S=-0.3,Se=-0.3"), parse_charges("Mo=1,S=-0.5")
    assert counts(study, [own], ["sine"]) == {("sine", 0.6, "MoSSe"): [0, 1, 2]}
    assert counts(study, [known], ["sine"]) == {("sine", 1.0, "MoS2"): [7]}


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ('{ bse = "0:2" }', r"seeds.bse: no charge set has this name; names here: base, MoS2"),
        ('{ base = "2:0" }', r"seeds.base = '2:0'"),
        ("{ }", "seeds = {}: names no charge set"),
    ],
)
def test_bad_seeds_by_charge_set_name_the_key(tmp_path, seeds, message):
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP.format(seeds=seeds))
    with pytest.raises(InputError, match=message) as caught:
        load_study(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--charges", "Mo=1.06,S=-0.66,Se=-0.30"], "sum to 0 e"),
        (["--charges", "Mo=1.06,S=-0.66,Sb=-0.40"], "Sb"),
        (["--charges", "Mo=1.06,S=abc"], "S=abc"),
        (["--charges", "Mo=nan,S=0"], "Mo"),
        (["--protocol", "cosine"], "cosine"),
        (["--seeds", "7:3"], "7:3"),
        (["--seeds", "-1"], "-1"),
        (["--seeds", "0,0"], "same seed"),
        (["--seeds", "5,65541"], "65541"),
        (["--study", "nothing"], "nothing"),
        (["--study", "../../etc/passwd.toml"], "passwd"),
    ],
)
def test_bad_arguments_give_one_line_and_write_nothing(space, arguments, names):
    open_project(space)
    before = tree(space)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    shutil.copy(ROOT / "init.py", space / "init.py")
    done = subprocess.run(
        [sys.executable, "init.py", *arguments],
        cwd=space,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    (space / "init.py").unlink()
    assert done.returncode == 2, done.stderr
    assert names in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert tree(space) == before


def test_a_seed_that_an_engine_cannot_distinguish_from_an_existing_one_is_refused(space):
    init(space, "--seeds", "5")
    before = ids(space)
    with pytest.raises(InputError, match="65541"):
        init(space, "--seeds", "65541")
    assert ids(space) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 'red'", "colour"),
        ("charge_sets = 3", "charge_sets"),
        ("[[charge_sets]]\nMo = 1.0\nS = -0.5", "protocols"),
        ("[[charge_sets]]\nMo = 1.0\nS = -0.5\n[[protocols]]\nname = 'sine'\nspeed = 2", "speed"),
        ("[cell", "TOML"),
        ("[[charge_sets]]\nname = 3\nMo = 1.0\nS = -0.5\n[[protocols]]", "name = 3"),
    ],
)
def test_bad_study_files_name_the_key(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_study(str(path)).state_points()
    assert "\n" not in str(caught.value)


def test_charges_typed_in_another_order_or_precision_are_one_job(space):
    project = open_project(space)
    study = load_study("quick", STUDIES)
    one = study.state_points([parse_charges("Mo=1.06,S=-0.61,Se=-0.45")])
    two = study.state_points([parse_charges("Se=-0.4500000000001,Mo=1.06,S=-0.61")])
    assert [project.open_job(dump(p)).id for p in one] == [
        project.open_job(dump(p)).id for p in two
    ]


def test_plan_counts_the_time_to_simulate(space):
    points = load_study("quick", STUDIES).state_points()
    assert plan(open_project(space), points).simulated_ps() == pytest.approx(4 * (6 + 20))


def test_seeds_forms():
    assert parse_seeds("0:3,7") == (0, 1, 2, 7)
    assert parse_seeds([4, 2]) == (4, 2)


def test_signac_s_configuration_is_a_link_to_a_visible_file():
    link = ROOT / ".signac" / "config"
    assert link.is_symlink() and link.resolve() == ROOT / "signac.rc"
    assert "schema_version = 2" in (ROOT / "signac.rc").read_text()
