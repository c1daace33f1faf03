"""The paper's numbers in the package equal those copied from the paper here."""

from januspore.report.claims import CLAIMS
from januspore.space.paper import MEMBRANES, PANELS

#: Table 1: field in V/nm; water van der Waals, water electrostatic, membrane, total, in kJ/mol.
TABLE_1 = """
0.3  3.1   98.7  -75.52  19.3
0.5  4.3  108.8  -78.35  24
0.7  5    126.2  -76.9   39.5
"""


def test_table_1_is_the_paper_s():
    rows = [[float(word) for word in line.split()] for line in TABLE_1.strip().splitlines()]
    wanted = {f"{value:g} kJ/mol" for _, *values in rows for value in values}
    told = [c.paper for c in CLAIMS if c.quantity.startswith("Cl- barrier at")]
    assert len(told) == 12 and set(told) == wanted
    for field, *values in rows:
        own = [c.paper for c in CLAIMS if c.quantity.startswith(f"Cl- barrier at {field:g} V/nm")]
        assert own == [f"{value:g} kJ/mol" for value in values]


def test_what_the_paper_says_of_times_and_currents():
    said = {c.quantity: c.paper for c in CLAIMS}
    for words in ("+0.5 V/nm", "-1.0 V/nm", "8 ps", "7.5 ps", "near 4", "about 0"):
        assert any(words in text for text in said.values()), words


def test_membranes_are_the_paper_s():
    charges = {name: (own["Mo"], own["S"], own.get("Se")) for name, own in MEMBRANES.items()}
    assert charges == {
        "MoSSe": (1.06, -0.61, -0.45),
        "symmetric": (1.06, -0.53, -0.53),
        "high asymmetry": (1.06, -0.71, -0.35),
        "neutral": (0.0, 0.0, 0.0),
        "MoS2": (1.18, -0.59, None),
    }
    assert set(PANELS) == set(MEMBRANES)
