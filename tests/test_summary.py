"""The scalars of a job's summary."""

import numpy as np
import pytest
from helpers import tiny_point
from planted import planted_rows

from januspore.analysis.job import analyse_record
from januspore.model.system import build_model

POINT = tiny_point("sine")


def rows_with_temperatures(every):
    """Rows with temperatures of about 300 K at an interval of samples; None: without any."""
    rng = np.random.default_rng(0)
    rows = planted_rows(POINT, lambda e, r: 0.0, lambda e: 1.0, rng)
    for name in ("T_trans_K", "T_rot_K"):
        taken = np.zeros(len(rows), dtype=bool)
        if every:
            taken[every - 1 :: every] = True
        rows[name][:] = np.where(taken, rng.normal(300.0, 4.0, len(rows)), np.nan)
    return rows


@pytest.mark.parametrize("every", [1, 10])
def test_temperatures_are_averaged_over_the_rows_that_contain_them(every):
    """These are all rows in old records, and those at the energy interval in new ones."""
    rows = rows_with_temperatures(every)
    _, summary = analyse_record(rows, [], POINT, build_model(POINT))
    for name in ("T_trans_K", "T_rot_K"):
        assert summary[name] == pytest.approx(np.nanmean(rows[name]), rel=1e-12)
        assert summary[f"{name}_low"] < summary[name] < summary[f"{name}_high"]


def test_a_record_shorter_than_the_energy_interval_has_no_temperature():
    _, summary = analyse_record(rows_with_temperatures(None), [], POINT, build_model(POINT))
    assert np.isnan(summary["T_trans_K"]) and np.isnan(summary["T_rot_K_high"])
    assert summary["waters_in_pore"] == 8
