"""Counts of significant numbers over repeats of a study (benchmarks/quick_repeats.py)."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import copy_studies
from scipy import stats
from test_products import make_all, planted_space
from test_report import made_of

from januspore.analysis.statistics import student

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import quick_repeats
from quick_repeats import Finding, markdown, table

CURRENT = Finding("current, nA", "paired_pulse", "pore slab, I0_nA")


@pytest.mark.parametrize(
    ("triple", "null", "stands"),
    [
        ([1.0, 0.1, 1.9], 0.0, True),
        ([1.0, -0.1, 2.1], 0.0, False),
        ([-1.0, -1.9, -0.1], 0.0, True),
        ([2.0, 1.1, 3.6], 1.0, True),
        ([2.0, 0.9, 4.4], 1.0, False),
        ([2.0, -1.0, 5.0], None, True),
        ([2.0, float("nan"), float("nan")], None, False),
        (None, None, False),
    ],
)
def test_a_number_counts_as_significant_if_its_interval_excludes_its_reference(
    triple, null, stands
):
    assert Finding("", "", "", null=null).stands(triple) is stands


def test_a_number_is_read_from_its_product_and_its_pore():
    found = {"pore slab, I0_nA": [3.0, 1.0, 5.0], "whole cell, I0_nA": [9.0, 8.0, 10.0]}
    made = [made_of("pulse_train", found), made_of("paired_pulse", found, seeds=6)]
    assert CURRENT.read(made) == ([3.0, 1.0, 5.0], 6)
    assert Finding("", "paired_pulse", CURRENT.key, wide=True).read(made) == (None, 0)
    assert CURRENT.read([]) == (None, 0)
    assert CURRENT.read([made_of("paired_pulse", {}, seeds=6)]) == (None, 6)


@pytest.mark.parametrize("effect", [0.5, 1.0, 2.0])
def test_the_expected_fraction_is_that_of_planted_runs(effect):
    rng, seeds, runs = np.random.default_rng(1), 6, 4000
    values = rng.normal(effect, 1.0, (runs, seeds))
    half = student(seeds) * values.std(axis=1, ddof=1) / np.sqrt(seeds)
    mean = values.mean(axis=1)
    triples = np.stack([mean, mean - half, mean + half], axis=1).tolist()
    stands = np.mean([CURRENT.stands(triple) for triple in triples])
    # For six seeds the mean of the estimated errors is 5 % below the true error.
    assert CURRENT.expected(triples, seeds) == pytest.approx(stands, abs=0.05)
    assert stands == pytest.approx(
        stats.nct.sf(student(seeds), seeds - 1, effect * np.sqrt(seeds)), abs=0.03
    )


def test_a_width_is_counted_and_expected_as_planted_runs_have_it():
    rng, seeds, runs, wide = np.random.default_rng(2), 8, 4000, Finding("", "", "", within=0.9)
    values = rng.normal(5.0, 1.0, (runs, seeds))
    half = student(seeds) * values.std(axis=1, ddof=1) / np.sqrt(seeds)
    mean = values.mean(axis=1)
    triples = np.stack([mean, mean - half, mean + half], axis=1).tolist()
    assert [wide.stands(triple) for triple in triples] == list(half < 0.9)
    assert wide.expected(triples, seeds) == pytest.approx(np.mean(half < 0.9), abs=0.03)
    assert not wide.stands(None) and not wide.stands([0.5, -0.1, 1.1])


def test_only_protocols_as_the_study_has_them_are_read(tmp_path, monkeypatch):
    copy_studies(tmp_path)
    make_all(planted_space(tmp_path), ("ie_curve",))
    found = Finding("conductance, nS", "ie_curve", "pore slab, conductance_nS")
    monkeypatch.setattr(quick_repeats, "FINDINGS", (found,))
    study = tmp_path / "studies" / "quick.toml"
    ((_, ((triple, seeds),)),) = table([tmp_path], str(study))
    # `loop` has 400 and 200 nA per V/nm over a box of 3.67 nm.
    assert triple[0] == pytest.approx(300 / 3.67, rel=0.05) and seeds == 4
    other = tmp_path / "other.toml"
    other.write_text(
        study.read_text().replace("amplitude_V_per_nm = 1.2", "amplitude_V_per_nm = 1")
    )
    assert list(table([tmp_path], str(other))) == [(found, [(None, 0)])]


def test_the_table_has_a_row_for_each_finding_and_marks_significant_ones():
    read = [([3.0, 1.0, 5.0], 6), (None, 6), (None, 0), ([1.0, -1.0, 3.0], 6)]
    head, _, row = markdown([(CURRENT, read)])
    assert head.count("|") == row.count("|") == 8
    # A repeat in which the product was not made does not count, one without the number does.
    assert "| 1 of 3 |" in row and "**3 [1, 5]** | none |  | 1 [-1, 3]" in row
