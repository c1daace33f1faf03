"""The report works for any data space, and its verdicts follow from its intervals."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_products import make_all, planted_space, space  # noqa: F401

from januspore.__main__ import main
from januspore.analysis.statistics import p_value
from januspore.products import PRODUCTS, Product
from januspore.report.charging import sentences
from januspore.report.claims import CLAIMS, HOLDS_ALL
from januspore.report.collect import Made, products_made
from januspore.report.comparison import command_for, comparison
from januspore.report.judging import (
    Reading,
    Verdict,
    controlled,
    judge_sign,
    judge_value,
    undecided,
)
from januspore.report.panels import PANELS, panels_of
from januspore.report.write import write_report
from januspore.space.dataspace import open_project
from januspore.space.paper import departures, name_of
from januspore.space.study import load_study


def test_an_empty_data_space_has_a_report_that_says_what_is_missing(space):  # noqa: F811
    html, markdown = write_report(open_project(space))
    text = markdown.read_text()
    # One line a reason, with every statement in one of them, and one command that makes it.
    lines = text.split("### Not measured here")[1].split("## The membranes")[0].strip().split("\n")
    assert len(lines) == len({claim.product for claim in CLAIMS})
    assert all(line.count("`python init.py --study medium --protocol ") == 1 for line in lines)
    said = [line.split(": ", 1)[1].rsplit(": no ", 1)[0] for line in lines]
    told = [name for each in said for name in each.split("; ")]
    assert sorted(told) == sorted(claim.quantity for claim in CLAIMS)
    absent = text.split("### No figure")[1].split("## What is done")[0]
    assert absent.count("made yet: python init.py") == len(PANELS) and "![" not in text
    assert html.stat().st_size > 1000 and "missing:" not in text
    assert "Nothing to compare yet" in text and "0 statements could be tested" in text
    # It contains the potential step of every membrane, also of those not simulated.
    steps = {line.split(":")[0]: line for line in text.splitlines() if "S (+x)" in line}
    assert "Se (-x) +0.0, Mo +15.1, S (+x) -3.3" in steps["| MoSSe"]
    assert "S (+x) -9.7" in steps["| high asymmetry"] and "S (+x) +1.8" in steps["| symmetric"]


def test_a_command_for_what_is_missing_makes_it():
    folder = Path(__file__).parent.parent / "studies"
    for claim in CLAIMS:
        _, _, _, study, _, protocol = command_for(claim.product).split()
        points = load_study(study, folder).state_points(protocols=[protocol])
        paper = [p for p in points if p.charge_set == points[0].charge_set]
        assert name_of(points[0].charge_set.model_dump()) == "MoSSe"
        if claim.mode:
            modes = {getattr(p.protocol, key, "") for p in paper for key in ("mode", "ion")}
            assert claim.mode in modes
        assert not departures("MoSSe", points[0].protocol)
    _, _, _, study, _, protocol = HOLDS_ALL.split()
    held = load_study(study, folder).state_points(protocols=[protocol])[0].protocol
    assert {claim.quantity for claim in CLAIMS if claim.product == "barrier"} >= {
        f"Cl- barrier at {field:g} V/nm, total" for field in held.fields_V_per_nm
    }
    assert sum("V/nm, total" in claim.quantity for claim in CLAIMS) == len(held.fields_V_per_nm)


def test_every_product_has_a_panel_and_a_new_one_needs_no_entry():
    assert {name for panel in PANELS for name in panel.products} >= {p.name for p in PRODUCTS}
    new = panels_of([*PRODUCTS, Product("mean_field", needs="cycle")])[-1]
    assert (new.label, new.shows, new.products) == (
        "not in the paper",
        "mean field",
        ("mean_field",),
    )


def test_every_claim_has_one_statement_and_its_assumptions():
    assert all(claim.assumes for claim in CLAIMS)
    assert len({(c.quantity, c.mode) for c in CLAIMS}) == len(CLAIMS)


def test_other_membranes_are_collapsed(space):  # noqa: F811
    project = planted_space(space)
    project = planted_space(space, "--charges", "Mo=1.18,S=-0.59")
    make_all(project, ("ndr",))
    html, markdown = write_report(project)
    head, folded = html.read_text().split("<details>")
    assert "ndr of MoSSe" in head and "ndr of MoS2" not in head and "ndr of MoS2" in folded
    assert markdown.read_text().count("![ndr") == 2


def test_the_gallery_has_all_files_and_no_trajectory(space, tmp_path, capsys):  # noqa: F811
    project = planted_space(space)
    make_all(project, ("ndr",))
    gallery = tmp_path / "to" / "gallery"
    assert main(["--project", str(space), "report", "--output", str(gallery)]) == 0
    files = sorted(p.relative_to(gallery) for p in gallery.rglob("*") if p.is_file())
    assert {p.name for p in files} == {
        "report.html",
        "report.md",
        "jobs.csv",
        "ndr.csv",
        "ndr.json",
        "ndr.png",
    }
    assert not (space / "results" / "report.html").exists()
    (picture,) = re.findall(r"!\[.*\]\((.*)\)", (gallery / "report.md").read_text())
    assert (gallery / picture).is_file()
    assert len(pd.read_csv(gallery / "jobs.csv")) == 8
    # A vertical bar separates cells, so those within the text must be escaped.
    table = [t for t in (gallery / "report.md").read_text().splitlines() if t.startswith("| NDR")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 9 for line in table)


def test_a_figure_that_would_show_nothing_is_a_line_of_why(space, tmp_path, capsys):  # noqa: F811
    project = planted_space(space, current=lambda field, rising: 0.0, noise_e_nm=0.0)
    assert len(make_all(project, ("ndr",))) == 1
    assert not list((space / "results").rglob("*.png")) and make_all(project, ("ndr",)) == []
    (made,) = products_made(project)
    assert made.without_figure == "pore slab: no ion crossed; whole cell: no ion crossed"
    out = tmp_path / "gallery"
    html, markdown, *drawn = write_report(project, out, "svg")
    assert not drawn
    assert {p.suffix for p in out.rglob("*") if p.is_file()} == {".html", ".md", ".csv", ".json"}
    for text in (html.read_text(), markdown.read_text()):
        assert text.count(f"ndr of {made.label}: {made.without_figure}") == 1
        assert "Figs 1B, 1C" not in text and "<img" not in text and "![" not in text
    # A figure of data that are no longer there does not stay.
    stray = made.figure
    stray.write_bytes(b"")
    made.figure.with_suffix(".json").unlink()
    assert len(make_all(project, ("ndr",))) == 1 and not stray.exists()


def test_figures_are_drawn_again_as_vectors(space, tmp_path, capsys):  # noqa: F811
    project = planted_space(space)
    make_all(project, ("ndr",))
    out = tmp_path / "paper"
    ask = ["--project", str(space), "report", "--format"]
    assert main([*ask, "svg", "--output", str(out)]) == 0
    (figure,) = out.rglob("*.svg")
    assert figure.with_suffix(".png").is_file() and figure.read_text().count("<path") > 50
    assert f"figure: {figure}" in capsys.readouterr().out
    assert main([*ask, "pdf"]) == 0
    (figure,) = (space / "results").rglob("*.pdf")
    assert figure.read_bytes().startswith(b"%PDF")
    # The data space has no fault with these files, and no product needs to be made again.
    assert make_all(open_project(space), ("ndr",)) == []
    with pytest.raises(SystemExit):
        main([*ask, "bmp"])


def made_of(product, findings, protocol=(), seeds=8):
    charges = {"material": "MoSSe", "Mo": 1.06, "S": -0.61, "Se": -0.45}
    jobs = tuple({"seed": seed, "engine": {}} for seed in range(seeds))
    nothing, figure = pd.DataFrame(), Path("x.png")
    return Made(product, (charges,), dict(protocol), findings, nothing, figure, jobs)


def test_charging_alone_appears_in_the_whole_cell_and_not_in_the_slab():
    pair = {"codes": {"pore slab": "not told", "whole cell": "decays with the delay"}}
    train = {"codes": {"pore slab": "facilitation", "whole cell": "not told"}}
    mode = {"mode": "facilitation"}
    made = [made_of("paired_pulse", pair, mode), made_of("pulse_train", train, mode)]
    alone, own = sentences(made)
    assert "charging" in alone.lower() and "decay with the delay (Fig. 5A" in alone
    assert own.startswith("Carried through the pore itself: facilitation (Figs 5B, 5C")
    none = {"codes": {"pore slab": "not told", "whole cell": "not told"}}
    said = sentences([made_of("paired_pulse", none, mode)])
    assert "shows none" in said[1] and "1 of 1 features are in neither" in said[2]


def test_the_report_holds_figures_and_verdicts(space, capsys):  # noqa: F811
    project = planted_space(space)
    make_all(project, ("ie_curve", "water_order", "ndr"))
    assert main(["--project", str(space), "report"]) == 0
    assert "report: results/report.html" in capsys.readouterr().out
    html = (space / "results" / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 3
    assert "http" not in html.replace("https://doi", "")  # self-contained
    # Significant findings come first, and their sources are in one footnote.
    shows = html.split("<h2>The paper and this data space")[0].split("<h2>What it shows</h2>")[1]
    assert "<li>agrees: reverse current below forward, E &gt; 0 (Fig. 1B)" in shows
    assert "NDR" not in shows and html.count("6 x 4 cells, 1.5 nm a side") == 1 + 3
    assert html.count('id="note1"') == 1 and html.count('href="#note1"') > 1
    rows = {row.quantity: row for row in comparison(products_made(project))}
    assert rows["water order rises with field, E > 0"].reading.verdict == "agrees"
    # The planted loop has no NDR, and half of the current on the reverse branch.
    assert rows["NDR onset, E > 0"].reading.verdict.startswith("not enough data")
    assert rows["reverse current below forward, E > 0"].reading.verdict == "agrees"
    assert rows["depression, tau_d"].reading.verdict.startswith("missing")


@pytest.mark.parametrize(
    ("triple", "verdict"),
    [
        ([0.5, 0.2, 0.8], "agrees"),
        ([-0.5, -0.8, -0.2], "disagrees"),
        ([0.2, -0.2, 0.6], "not enough data: about 5 more seeds at the present spread"),
        ([0.5, None, None], "not enough data: one seed gives no interval"),
        ([None, None, None], "not enough data: nothing was measured"),
    ],
)
def test_signs_are_judged_by_their_interval(triple, verdict):
    assert judge_sign(triple, "rad", 4).verdict == verdict


@pytest.mark.parametrize(
    ("triple", "verdict"),
    [([8.5, 7.0, 10.0], "agrees"), ([20.0, 15.0, 25.0], "disagrees"), ([9.0, 1.0, 17.0], "not")],
)
def test_values_are_judged_by_their_interval(triple, verdict):
    assert judge_value(triple, 8.0, "ps", 10).verdict.startswith(verdict)


@pytest.mark.parametrize(
    ("seeds", "factor", "more"), [(2, 12.706, 16), (3, 4.303, 15), (4, 3.182, 14)]
)
def test_the_number_of_seeds_needed_includes_student_s_factor(seeds, factor, more):
    half = factor * 2.0 / seeds**0.5
    assert undecided("", seeds, half, 1.0).why == f"about {more} more seeds at the present spread"


def test_very_large_numbers_of_seeds_are_not_given():
    assert "more than 10,000" in undecided("", 10, 1000.0, 1.0).why


def test_p_values_are_those_of_the_intervals():
    """p is 0.05 at an end of the interval, smaller beyond it and larger within it (Student's)."""
    t = stats.t.ppf(0.975, 3)
    for side in (-1, 1):
        assert p_value((1.0, 1 - 0.5 * t, 1 + 0.5 * t), 1 + side * 0.5 * t, 4) == pytest.approx(
            0.05
        )
        p = p_value((1.0, 1 - 0.5 * t, 1 + 0.5 * t), 1 + side * 2.0, 4)
        assert p == pytest.approx(2 * stats.t.sf(4.0, 3))
    assert p_value((1.0, 0.8, 3.0), 3.0, 4) == pytest.approx(0.05)  # each side has its own width
    assert judge_sign([0.5, 0.2, 0.8], "rad", 4).p < 0.05 < judge_sign([0.5, -0.1, 1.1], "", 4).p
    assert judge_sign([None, None, None], "rad", 4).p is None


@pytest.mark.parametrize("truth", [4.0, 12.0])
def test_a_value_that_differs_by_half_rarely_agrees(truth):
    """Without the rule it would agree in half of cases where the interval is that wide."""
    rng, agrees = np.random.default_rng(0), 0
    for width in (0.5, 1.0, 1.5, 2.0):
        for value in rng.normal(truth, width, 500):
            half = stats.t.ppf(0.975, 9) * width
            reading = judge_value([value, value - half, value + half], 8.0, "ps", 10)
            agrees += reading.code is Verdict.AGREES
    assert agrees / 2000 <= 0.035


def test_verdicts_are_kept_only_if_significant_among_all_statements():
    sure = [Reading("", Verdict.AGREES, p=1e-4)] * 3
    weak = [Reading("", Verdict.DISAGREES, p=0.04)]
    nothing = [Reading("", Verdict.OPEN, p=0.5)] * 20 + [Reading("", Verdict.MISSING)] * 9
    kept = controlled([*sure, *weak, *nothing])
    assert [r.code for r in kept[:3]] == [Verdict.AGREES] * 3
    assert kept[3].code is Verdict.OPEN and "disagrees alone, but not among 24" in kept[3].why
    # It is kept if it is the only statement, or if the others are as significant.
    assert controlled(weak)[0].decides and all(r.decides for r in controlled(sure * 5 + weak))


def test_the_false_discovery_rate_is_controlled():
    """For thirty differences that are 0, 5 % of reports have a verdict; without control 79 %."""
    rng, wrong, alone = np.random.default_rng(1), 0, 0
    for _ in range(400):
        values = rng.normal(size=(30, 6))
        mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / 6**0.5
        half = stats.t.ppf(0.975, 5) * error
        readings = [judge_sign([m, m - h, m + h], "", 6) for m, h in zip(mean, half, strict=True)]
        wrong += any(r.decides for r in controlled(readings))
        alone += any(r.decides for r in readings)
    assert wrong / 400 <= 0.05 + 2 * 0.011 and alone / 400 > 0.7
