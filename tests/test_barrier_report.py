"""The report on barriers: Table 1, cautions, and profiles without a barrier."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from barrier_ensembles import (
    FORCES,
    NOTHING,
    POSITIONS,
    ensemble_of,
    ensemble_with,
    point,
)
from planted_barrier import window_sums

from januspore.products.barrier import make
from januspore.report.claims import CLAIMS
from januspore.report.collect import Made
from januspore.report.comparison import comparison
from januspore.space.paper import MEMBRANES


@pytest.fixture(scope="module")
def four_seeds():
    return make(ensemble_of(point(), 4))


def made_of(content, state_point, seeds=2, caution=""):
    return Made(
        product="barrier",
        charge_sets=(state_point.charge_set.model_dump(),),
        protocol=state_point.protocol.model_dump(),
        findings=content.findings | {"caution": caution},
        table=content.table,
        figure=Path("barrier.png"),
        jobs=tuple({"seed": k, "engine": {}, "simulated_ps": 1.0} for k in range(seeds)),
    )


def test_the_report_reads_table_1():
    state_point = point()
    sums = window_sums(state_point.protocol, FORCES, 8, np.random.default_rng(0), noise=8.0)
    made = made_of(make(ensemble_with(state_point, sums)), state_point, 8)
    rows = {row.quantity: row for row in comparison([made])}

    def verdict(name):
        return rows[name].reading.verdict

    # Planted: 5 kJ/mol for the water's van der Waals part, as in the paper, and a total of 29.
    assert verdict("Cl- barrier at 0.7 V/nm, water's van der Waals part") == "agrees"
    assert verdict("Cl- barrier at 0.3 V/nm, total") == "disagrees"
    assert verdict("Cl- barrier at 0.5 V/nm, total") == "missing: this field was not held"
    assert verdict("water's electrostatic part of the Cl- barrier with field") == "agrees"
    assert verdict("water's van der Waals part of the Cl- barrier with field").startswith("not en")


def test_the_report_says_where_there_is_no_barrier():
    flat_point = point(fields_V_per_nm=[0.3, 0.7])
    made = made_of(make(ensemble_of(flat_point, 1, NOTHING)), flat_point, 1)
    rows = {row.quantity: row for row in comparison([made])}
    total = rows["Cl- barrier at 0.7 V/nm, total"].reading
    assert total.value.startswith("no barrier found") and total.verdict == "disagrees"
    part = rows["Cl- barrier at 0.7 V/nm, membrane's part"].reading
    assert part.verdict.startswith("not enough data")


@pytest.mark.parametrize("seeds", [2, 12])
def test_windows_sampled_while_the_reservoirs_charge_get_no_verdict(seeds):
    """Not even with many seeds, as the charging while the ion moves is the same in all of them."""
    medium = point(charging_ps=0.0, approach_ps=4.0, settle_ps=2.0, window_ps=4.0)
    sums = window_sums(medium.protocol, FORCES, seeds, np.random.default_rng(0), noise=2.0)
    content = make(ensemble_with(medium, sums))
    caution = content.findings["caution"]
    assert "from 2 ps after a change of field on" in caution and "45 ps would do" in caution
    assert content.findings["verdict"].endswith(f"; but {caution}")
    made = made_of(content, medium, seeds, caution)
    verdicts = [row.reading.verdict for row in comparison([made]) if row.panel == "Table 1"]
    assert len(verdicts) == 14
    assert not any(v.startswith(("agrees", "disagrees")) for v in verdicts)
    assert any(caution in v for v in verdicts)


def test_charged_reservoirs_and_four_seeds_need_no_caution():
    def caution(seeds, **keys):
        few = point(positions_nm=POSITIONS[::12], **keys)
        sums = window_sums(few.protocol, NOTHING, seeds, np.random.default_rng(0))
        return make(ensemble_with(few, sums)).findings["caution"]

    assert caution(2) == ""
    assert "one seed" in caution(1)
    # With a single field the reservoirs charge from the approach on.
    assert caution(2, fields_V_per_nm=[0.3], charging_ps=0.0, approach_ps=44.0) == ""
    assert caution(2, fields_V_per_nm=[0.3, 0.7], charging_ps=0.0, approach_ps=44.0) != ""


def test_table_1_is_of_one_membrane_and_one_ion(four_seeds):
    made = made_of(four_seeds, point())
    other = replace(made, charge_sets=(MEMBRANES["neutral"],))
    potassium = replace(made, protocol=made.protocol | {"ion": "K"})
    totals = [c for c in CLAIMS if c.quantity == "Cl- barrier at 0.3 V/nm, total"]
    assert [totals[0].concerns(m) for m in (made, other, potassium)] == [True, True, False]
    # The numbers of another membrane are shown without a verdict.
    assert not totals[0].is_said_of(made) and "MoSSe alone" in totals[0].is_said_of(other)
