"""The coverage benchmark: every claim has planted cases, and few verdicts on them are wrong."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from januspore.report.claims import CLAIMS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "coverage.json"


kept = pytest.mark.skipif(
    not RESULTS.exists(), reason="no results: python benchmarks/coverage.py makes them"
)


def campaign(tmp_path, *options):
    """Counts of a campaign, in a process of its own as it replaces functions of the package."""
    output = tmp_path / "coverage.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "coverage.py"), "--output", str(output)]
    subprocess.run([*command, *options], check=True, capture_output=True, cwd=ROOT)
    return json.loads(output.read_text())["counts"]


def false_rates(counts):
    """Number of wrong verdicts and of planted cases by claim, over all cases and seeds."""
    found = {}
    for one in counts:
        wrong = sum(one[word] for word in ("agrees", "disagrees") if word != one["right"])
        before = found.get(one["claim"], (0, 0))
        found[one["claim"]] = before[0] + wrong, before[1] + one["repeats"]
    return found


@kept
def test_every_claim_of_the_report_has_planted_cases():
    counts = json.loads(RESULTS.read_text())["counts"]
    assert not {c.quantity for c in CLAIMS} - {one["claim"] for one in counts}
    assert {one["seeds"] for one in counts} == {2, 4, 8, 12}


@kept
def test_kept_results_have_few_wrong_verdicts_in_any_case():
    wrong, planted = Counter(), Counter()
    for one in json.loads(RESULTS.read_text())["counts"]:
        for word in ("agrees", "disagrees"):
            if word != one["right"]:
                key = one["claim"], one["case"], word
                wrong[key] += one[word]
                planted[key] += one["repeats"]
    for key, times in planted.items():
        # 5 %, plus two standard errors.
        assert wrong[key] / times <= 0.05 + 2 * (0.05 * 0.95 / times) ** 0.5, key


def test_a_small_campaign_has_few_wrong_verdicts(tmp_path):
    few = (
        "--families",
        "barriers",
        "loops",
        "pulses",
        "records",
        "--seeds",
        "4",
        "--repeats",
        "12",
    )
    rates = false_rates(campaign(tmp_path, *few))
    assert len(rates) > 15
    wrong, planted = (sum(part) for part in zip(*rates.values(), strict=True))
    assert wrong / planted <= 0.05


@pytest.mark.slow
def test_intervals_of_a_campaign_have_their_nominal_coverage(tmp_path):
    counts = campaign(tmp_path, "--repeats", "100")
    for claim, (wrong, planted) in false_rates(counts).items():
        assert wrong / planted <= 0.06, claim
    given = [one for one in counts if one["intervals"] >= one["repeats"] / 2]
    covered = sum(one["covered"] for one in given) / sum(one["intervals"] for one in given)
    assert 0.93 <= covered <= 0.98
