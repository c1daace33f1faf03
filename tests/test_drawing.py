"""Figures: empty panels, bands within bounds, legends outside the data, file formats."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from januspore.products.drawing import (
    COLORS,
    COSINE,
    FORMATS,
    NOT_NEGATIVE,
    Panel,
    band,
    bars,
    legend,
    log_y,
    panels,
    save,
    why_empty,
)

X = np.linspace(0.0, 1.0, 5)


def curve(axis):
    axis.plot(X, X, label="forward")
    legend(axis, "a curve")


def fail(axis):
    raise AssertionError("a panel without data is not drawn")


def drawn(figure):
    figure.draw_without_rendering()
    return figure


def test_a_panel_without_data_is_replaced_by_a_line_that_says_why():
    row = [Panel(curve), Panel(fail, "no ion crossed"), Panel(fail, "no ion crossed")]
    figure = drawn(panels("MoSSe", [row, [Panel(fail, "no tau")]]))
    assert len(figure.axes) == 1
    assert figure.get_supxlabel() == "no ion crossed\nno tau"


def test_a_figure_without_data_is_not_drawn_and_says_why():
    why = "no ion crossed within a time that is long enough to break any line of a figure " * 3
    empty = panels("MoSSe", [[Panel(fail, why.strip()), Panel(fail, "no tau")]])
    assert not empty.axes and why_empty(empty) == f"{why.strip()}; no tau"
    assert why_empty(panels("MoSSe", [[Panel(curve), Panel(fail, "no tau")]])) == ""


@pytest.mark.parametrize(("ends", "told"), [((0.6, 2.1), ["0.7", "1", "2"]), ((0.02, 30.0), ["5"])])
def test_a_logarithmic_axis_has_plain_numbers_however_little_it_spans(ends, told):
    figure = Figure()
    axis = figure.subplots()
    axis.plot([0.0, 1.0], ends)
    log_y(axis)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert set(told) <= set(labels) and not any("$" in label for label in labels)


def test_a_row_with_fewer_panels_fills_the_figure_and_ranges_are_shared():
    def steep(axis):
        axis.plot(X, 10 * X)

    figure = drawn(panels("two", [[Panel(curve), Panel(steep)], [Panel(curve)]], same_y=True))
    first, second, below = figure.axes
    assert first.get_ylim() == second.get_ylim() != below.get_ylim()
    assert below.get_position().width > 1.8 * first.get_position().width


def test_a_long_title_is_broken_within_the_figure():
    figure = drawn(panels("a word or two " * 20, [[Panel(curve)]]))
    box = figure._suptitle.get_window_extent()
    assert box.x0 > 0 and box.x1 < figure.bbox.width


@pytest.mark.parametrize("within", [NOT_NEGATIVE, COSINE])
def test_bands_and_bars_stay_within_the_bounds_of_the_quantity(within):
    axis = Figure().subplots()
    band(axis, X, X - 9, X + 0.1, "black", within)
    bars(axis, X, X, X - 9, X + 9, within)
    shaded = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert shaded.min() == within[0]
    (segments,) = [c.get_segments() for c in axis.containers[0].lines[2]]
    heights = np.concatenate([s[:, 1] for s in segments])
    assert heights.min() == within[0] and heights.max() == min(within[1], X[-1] + 9)


def test_a_value_outside_its_clipped_interval_is_drawn():
    axis = Figure().subplots()
    bars(axis, [0.0], [-0.2], [-0.5], [0.3], NOT_NEGATIVE)
    assert axis.containers[0].lines[0].get_ydata() == [-0.2]


def test_a_legend_stands_above_the_data():
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    curve(axis)
    drawn(figure)
    assert axis.get_legend().get_window_extent().y0 >= axis.get_window_extent().y1


def test_directions_and_ions_have_colours_of_their_own():
    names = ("K", "Cl", "Na", "Li", "forward", "reverse", "total")
    assert len({COLORS[name] for name in names}) == len(names)
    assert COLORS["up"] == COLORS["forward"] and COLORS["down"] == COLORS["reverse"]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_written_reproducibly(tmp_path, kind):
    written = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.aside"
        save(panels("MoSSe", [[Panel(curve)]]), path, kind)
        written.append(path.read_bytes())
    head = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    assert written[0].startswith(head) and written[0] == written[1]
    if kind == "png":
        assert Image.open(tmp_path / "a.aside").mode == "P"
