"""The page that compares ensembles: table, figure, and invalid comparisons."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from served import text_of

pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")

from januspore.dashboard import compare_figure


def keys_of(browser, question):
    text = text_of(browser.get("/compare", query_string={"q": question}))
    return re.findall(r'name="e" value="([0-9a-f]+)"', text)


def test_two_membranes_are_shown_side_by_side(browser):
    keys = keys_of(browser, "protocol.name=sine")
    assert len(keys) == 2
    text = text_of(browser.get("/compare", query_string={"e": keys}))
    rows = {
        cells[0]: cells[1:]
        for row in re.findall(r"<tr>(.*?)</tr>", text, re.S)
        if (cells := re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S))
    }
    assert rows[""] == ["A: MoSSe, sine", "B: MoS2, sine"]
    assert rows["material"] == ["MoSSe", "MoS2"] and rows["S"] == ["-0.61", "-0.59"]
    assert "amplitude, V/nm" not in rows  # the same in both
    assert rows["stage"] == ["2 analysed", "2 analysed"] and all(
        "300" in cell for cell in rows["T trans, K"]
    )
    assert "<option selected>current against field</option>" in text
    png = browser.get("/compare.png", query_string={"e": keys, "show": "current against field"})
    assert png.mimetype == "image/png" and png.data[1:4] == b"PNG"


def test_the_figure_has_the_curves_of_the_tables(browser, pages, monkeypatch):
    """The points drawn are exactly the rows of the product."""
    drawn = []
    figure = compare_figure.Figure

    def kept(*arguments, **keys):
        drawn.append(figure(*arguments, **keys))
        return drawn[-1]

    monkeypatch.setattr(compare_figure, "Figure", kept)
    keys = keys_of(browser, "protocol.name=sine")
    browser.get("/compare.png", query_string={"e": keys})
    (axes,) = drawn[0].axes
    points = np.concatenate([part[0].get_xydata() for part in axes.containers])
    wanted = []
    for path in Path(pages.project.path, "results", "ie_curve").glob("*/*.csv"):
        rows = pd.read_csv(path).query("estimator == 'pore slab' and species == 'total'")
        wanted.append(rows[["field_V_per_nm", "current_nA"]].to_numpy())
    wanted = np.concatenate(wanted)
    assert len(points) == len(wanted) > 4
    assert np.allclose(np.sort(points, axis=0), np.sort(wanted, axis=0))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"e": ["0" * 10]}, "not in this data space"),
        ({"e": [str(k) for k in range(9)]}, "at most 8"),
        ({"show": "nonsense"}, "must be one of current against field"),
    ],
)
def test_invalid_comparisons_are_reported(browser, asked, told):
    for page in ("/compare", "/compare.png"):
        answer = browser.get(page, query_string=asked)
        assert answer.status_code == 400 and told in answer.text


def test_ensembles_without_products_still_have_a_table(browser):
    keys = keys_of(browser, "protocol.name=equilibrate")
    text = text_of(browser.get("/compare", query_string={"e": keys}))
    assert "T trans, K" in text and "No product of these" in text
    assert browser.get("/compare.png", query_string={"e": keys}).mimetype == "image/png"
