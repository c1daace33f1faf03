"""The current from a mean force: Brownian ions, known limits, constants and units."""

import numpy as np
import pytest
from planted_brownian import by_equation, counted
from scipy import constants
from scipy.signal import lfilter

from januspore.analysis.flux import (
    Held,
    concentration,
    current,
    current_interval,
    diffusion,
    tables_of,
)
from januspore.analysis.nernst_planck import (
    COMPANY_NM,
    END_HALF_NM,
    cylinder_area,
    end_counts,
    held_diffusion,
    share_in_cylinder,
    steady_flux,
)
from januspore.analysis.statistics import bootstrap, mean_of_batches
from januspore.protocols.windows import Windows
from januspore.units import BOLTZMANN, E_PER_PS

KT = BOLTZMANN * 300.0
MOMENTS = ("x_nm_spread", "x_nm_slow")
D = 1.5e-3


def flux(x, force, ends=(1.0, 1.0), diffusion=D):
    """Flux over one profile."""
    spread = np.broadcast_to(diffusion, x.shape)
    return steady_flux(x, np.atleast_2d(force), spread[None], np.atleast_2d(ends), KT)[0]


def held_x(rng, n, dt, diffusion, stiffness=20_000.0):
    """Positions of an overdamped ion in a harmonic tether, an exact Ornstein-Uhlenbeck process."""
    spread, tau = KT / stiffness, KT / stiffness / diffusion
    rho = np.exp(-dt / tau)
    noise = rng.normal(size=n + 200) * np.sqrt(spread * (1 - rho**2))
    return lfilter([1.0], [1.0, -rho], noise)[200:]


def test_a_flat_force_is_ohmic_with_the_constants_of_the_si():
    """I = c A D (z e)^2 E / kT, computed from SI constants that are not those of the package."""
    x = np.linspace(-1, 1, 11)
    e, k, avogadro = constants.e, constants.k, constants.N_A
    for charge in (1.0, -1.0):
        for field in (0.01, 0.5, -1.2):  # V/nm
            held = Held(charge, 300.0, 0.4, 1e6, 7.0, 20, np.inf)
            count = 1000 * avogadro * 1e-27  # 1 mol/L in ions per nm^3
            seen = count * 2 * END_HALF_NM * 7.0 * 19 / 20
            tables = {
                "tether": np.full((1, 11), charge * e * field * 1e9 * avogadro * 1e-12),
                "x_nm_spread": np.full((1, 11), 1e-4),
                "x_nm_slow": np.full((1, 11), 2e-8 / D),
                "end_frames": np.ones((1, 2)),
                "end_ions": np.full((1, 2), seen),
                "seeds": np.ones((1, 1)),
                "batch_ps": np.full((1, 1), 1e6),
            }
            area = cylinder_area(0.4, 1e6, KT) * 1e-18
            siemens = count * 1e27 * area * D * 1e-6 * e**2 / (k * 300.0)
            assert current(tables, held, x)[0, 0] == pytest.approx(
                siemens * field * 1e9 * 1e9, rel=1e-6
            )


def test_at_no_field_equal_ends_have_no_flux_and_unequal_ones_diffuse():
    x = np.linspace(-1, 1, 9)
    bump = 40.0 * np.sin(np.pi * x)
    assert flux(x, bump) == pytest.approx(0.0, abs=1e-12)
    assert flux(x, 0 * x, (3.0, 1.0)) == pytest.approx(D * 2.0 / 2.0)


def test_the_flux_over_a_high_barrier_is_kramers_s():
    x = np.linspace(-1, 1, 201)

    def over(height):
        force = height * np.pi * np.sin(2 * np.pi * np.clip(x, -0.5, 0.5))
        return flux(x, force + 3.0)

    heights = np.array([20.0, 30.0, 40.0])
    falls = np.diff(np.log([over(h) for h in heights]))
    # By Kramers the flux has a factor exp(-w/kT), and one for the width of the top, which falls
    # with the root of the height.
    assert falls == pytest.approx(-10 / KT + 0.5 * np.diff(np.log(heights)), rel=0.02)


def test_a_window_without_diffusion_takes_its_neighbours():
    x = np.linspace(-1, 1, 5)
    gap = np.array([D, D, np.nan, D, D])
    assert flux(x, 0 * x, (2.0, 1.0), gap) == pytest.approx(flux(x, 0 * x, (2.0, 1.0)))


def test_brownian_ions_on_a_tilted_barrier_carry_the_flux():
    """Ions in a periodic potential under a force, without a tether; their flux is counted."""
    rng = np.random.default_rng(5)
    length, height, push, walkers, steps = 2.0, 6.0, 4.0, 2000, 16_000
    dt = 4e-4 / D  # a step of 0.028 nm
    wave = 2 * np.pi / length

    def force(x):
        return push + height / 2 * wave * np.sin(wave * x)

    x = rng.uniform(-1, 1, 20 * walkers)
    weight = np.exp(-height / 2 * np.cos(wave * x) / KT)
    x = rng.choice(x, walkers, p=weight / weight.sum())  # close to the steady state
    start, seen = x.copy(), 0.0
    for k in range(steps):
        x += D / KT * force(x) * dt + np.sqrt(2 * D * dt) * rng.normal(size=walkers)
        if k == steps // 2:
            start = x.copy()
        if k >= steps // 2 and k % 10 == 0:
            seen += np.mean(np.abs(x - length * np.round(x / length)) > 0.95)
    walked = (x - start).mean() / (dt * (steps - 1 - steps // 2))
    counted = walkers * walked / length
    # The line density at the ends of the windows; these are one period apart.
    density = walkers * seen / (steps // 20) / 0.1
    windows = np.linspace(-1, 1, 21)
    assert flux(windows, force(windows), (density, density)) == pytest.approx(counted, rel=0.05)


def test_brownian_ions_pass_a_hole_in_a_wall_at_the_rate_of_the_equation():
    """Three-dimensional; benchmarks/nernst_planck.py has more cases and better statistics."""
    found = counted(0.7, 20.0, walkers=400, steps=12_000)
    assert by_equation(0.7, 20.0, 0.8, found.ends) == pytest.approx(found.flux, rel=0.25)
    assert by_equation(0.7, 20.0, 0.8, found.ends, spreads=False) < 0.5 * found.flux


def test_without_a_barrier_the_access_resistance_is_hall_s():
    """Two reservoirs at a disc of diameter d have the resistance 1 / (sigma d) in all."""
    radius, mouth = 0.5, 0.2
    away = mouth + np.concatenate([np.linspace(0, 5, 101), np.geomspace(5.1, 1000, 100)])
    x = np.concatenate([-away[::-1], away])

    def share(at):
        return share_in_cylinder(at, radius, mouth, 0.0)

    area = np.pi * radius**2
    found = steady_flux(
        x, 0 * x[None], np.full((1, len(x)), D), np.array([[2.0, 1.0]]) * area, KT, share
    )[0]
    resistance = 2 * mouth / (area * D) + 1 / (2 * radius * D)
    assert found == pytest.approx(1 / resistance, rel=0.03)
    assert share(np.array([0.0, 0.1, mouth + 50 * radius])) == pytest.approx(
        [1, 1, 1 / (2 * 50**2)], rel=1e-2
    )


@pytest.mark.parametrize("diffusion", [2e-4, 6e-4])
def test_the_diffusion_coefficient_of_a_held_ion_is_recovered(diffusion):
    """From the spread in short windows and the variance of their means, as in the analysis."""
    rng, dt, n = np.random.default_rng(1), 0.1, 200
    runs = held_x(rng, 400 * n, dt, diffusion).reshape(400, n)
    spread = runs.var(axis=1, ddof=1).mean()
    slow = np.mean([mean_of_batches(run)[1] for run in runs]) * n * dt
    assert held_diffusion(spread, slow, n * dt / 5) == pytest.approx(diffusion, rel=0.12)


def test_a_constant_or_unknown_position_gives_no_diffusion():
    spread, slow = np.array([1e-4, 1e-4, np.nan]), np.array([0.0, np.nan, 1.0])
    assert np.isnan(held_diffusion(spread, slow, 2.0)).all()


def test_batches_shorter_than_the_correlation_time_give_no_diffusion():
    run = held_x(np.random.default_rng(2), 4000, 0.1, 1e-5)  # tau = 12 ps
    spread, slow = run.var(), np.mean(run.reshape(-1, 40).mean(axis=1) ** 2) * 4.0
    assert np.isnan(held_diffusion(spread, slow, 4.0))


def test_the_cylinder_s_area_is_the_integral_of_its_wall():
    radius, stiffness = 0.3, 20_000.0
    r = np.linspace(0, 0.6, 60_001)
    outside = np.maximum(r - radius, 0)
    weight = np.exp(-stiffness * outside**2 / (2 * KT))
    area = np.trapezoid(2 * np.pi * r * weight, r)
    assert cylinder_area(radius, stiffness, KT) == pytest.approx(area, rel=1e-5)


def test_the_interval_of_a_current_over_a_barrier_covers_it():
    """Coverage over 40 planted ensembles of 6 seeds; fewer than 33 of 40 have a chance of 1e-3.

    The barrier of 15 kJ/mol has large errors in each seed. As the current depends on them
    exponentially, currents of single seeds would differ by factors.
    """
    x = np.linspace(-1, 1, 21)
    held = Held(1.0, 300.0, 0.4, 2e4, 7.0, 20, np.inf)
    force = 15 * np.pi * np.sin(2 * np.pi * np.clip(x, -0.5, 0.5)) + 5.0
    rng = np.random.default_rng(3)

    def tables(seeds, noise):
        noisy = force + noise * rng.normal(size=(seeds, len(x)))
        slow = 2e-8 / D * rng.chisquare(4, size=(seeds, len(x))) / 4
        return {
            "tether": noisy,
            "x_nm_spread": np.full_like(noisy, 1e-4),
            "x_nm_slow": slow if noise else np.full_like(noisy, 2e-8 / D),
            "end_frames": np.full((seeds, 2), 30.0),
            "end_ions": rng.poisson(50.0, (seeds, 2)) if noise else np.full((seeds, 2), 50.0),
            "seeds": np.ones((seeds, 1)),
            "batch_ps": np.full((seeds, 1), 1e6),
        }

    exact = {name: v.sum(axis=0, keepdims=True) for name, v in tables(1, 0.0).items()}
    truth = current(exact, held, x)[0, 0]
    found = [current_interval(tables(6, 8.0), held, x, 1) for _ in range(40)]
    inside = [bool(one.low[0] <= truth <= one.high[0]) for one in found]
    assert sum(inside) >= 33
    assert all(one.low[0] > 0 for one in found)


def test_ions_at_the_ends_are_counted_while_the_held_ion_is_elsewhere():
    windows = Windows("K", (0.5, 1.0), (-1.0, 0.0, 1.0), 2.0, 0.0, 1.0, 4.0, 0.3, 1e4)
    box = np.array([3.6, 2.0, 2.0])
    free = np.array([-1.1, -0.9, 0.95, 0.4, 2.65])  # the last is at -0.95, an image
    frames = [
        (1.0, 0.0, free),  # during the approach
        (4.0, -1.0, free),  # held at the first end
        (9.0, 0.0, free),  # held between the ends
        (14.0, 1.0, free),  # held at the last end
        (19.0, 1.0, free),  # the second field, which starts at the last window of the first
    ]
    found = end_counts(frames, windows, box)
    assert COMPANY_NM < 1.0 and END_HALF_NM == 0.2
    assert found["end_frames"].tolist() == [[2, 2], [1, 0]]
    assert found["end_ions"].tolist() == [[6, 2], [3, 0]]


# --- known answers -----------------------------------------------------------------------------


@pytest.mark.parametrize("push", [3.0, -3.0, 0.01])
@pytest.mark.parametrize("ends", [(2.0, 2.0), (3.0, 0.5), (0.0, 1.0)])
def test_a_constant_force_between_unequal_ends_has_the_flux_of_goldman(push, ends):
    x, length = np.array([-0.9, -0.2, 0.1, 0.8]), 1.7
    u = push * length / KT  # work along the way, kT
    expected = D * push / KT * (ends[0] - ends[1] * np.exp(-u)) / (1 - np.exp(-u))
    assert flux(x, np.full(4, push), ends) == pytest.approx(expected, rel=1e-9)


def test_diffusion_that_grows_along_the_way_is_a_series_of_resistances():
    """log D is linear between windows; where a share s of the flux passes, D counts 1 / s times."""
    x, ends = np.array([-1.0, 0.0, 2.0]), np.array([[3.0, 1.0]])
    diffusion = D * np.array([[1.0, np.e, np.e**2]])
    resistance = ((1 - np.exp(-1)) + 2 * np.exp(-1) * (1 - np.exp(-1))) / D
    none = np.zeros((1, 3))
    assert steady_flux(x, none, diffusion, ends, KT)[0] == pytest.approx(2.0 / resistance)
    half = steady_flux(x, none, diffusion, ends, KT, lambda at: np.full_like(at, 0.5))[0]
    assert half == pytest.approx(2 * 2.0 / resistance)


def test_unknown_diffusion_is_that_of_the_other_rows_and_then_of_the_neighbours():
    x, none, ends = np.array([-1.0, 0.0, 1.0]), np.zeros((3, 3)), np.full((3, 2), (3.0, 1.0))
    known = D * np.array([[1.0, 2.0, 3.0], [1.0, 8.0, 3.0], [1.0, 4.0, 3.0]])
    lacking = known.copy()
    lacking[2, 1] = np.nan  # the geometric mean of 2 and 8 is 4
    assert steady_flux(x, none, lacking, ends, KT) == pytest.approx(
        steady_flux(x, none, known, ends, KT)
    )
    nobody = known.copy()
    nobody[:, 1] = np.nan
    between = D * np.array([[1.0, 3**0.5, 3.0]] * 3)
    assert steady_flux(x, none, nobody, ends, KT) == pytest.approx(
        steady_flux(x, none, between, ends, KT)
    )
    assert np.isnan(steady_flux(x, none, np.full((3, 3), np.nan), ends, KT)).all()


@pytest.mark.parametrize("batch", [2.0, 50.0])
def test_the_time_of_a_held_ion_solves_the_variance_of_its_batches(batch):
    """Variance of the mean times T is 2 var tau (1 - tau / T), for tau below half of T."""
    spread, tau = 2e-4, np.array([0.01, 0.1, 0.49]) * batch
    slow = 2 * spread * tau * (1 - tau / batch)
    assert held_diffusion(np.full(3, spread), slow, batch) == pytest.approx(spread / tau)


@pytest.mark.parametrize("radius", [0.3, 0.6])
def test_the_share_in_the_cylinder_follows_the_streamline_through_its_edge(radius):
    x = np.array([-2.0, -0.5, -0.2, 0.0, 0.2, 0.5, 2.0])
    share = share_in_cylinder(x, radius, 0.2, 0.0)
    assert share[2:5].tolist() == [1.0, 1.0, 1.0] and share == pytest.approx(share[::-1])
    mu, z = 1 - share, (np.abs(x) - 0.2).clip(0) / radius
    assert mu**4 + z**2 * mu**2 == pytest.approx(z**2)
    least = share_in_cylinder(x, radius, 0.2, 0.3)
    assert least == pytest.approx(np.maximum(share, 0.3))
    assert (share_in_cylinder(x, radius, 0.2, 7.0) == 1.0).all()


HELD = Held(-1.0, 300.0, 0.3, 2e4, 7.0, 20, 0.4)


def held_tables(push=8.0, seeds=5, noise=1.0, ends=(40.0, 30.0), n=7):
    """Tables of `flux.tables_of`, of ions pushed along +x."""
    rng, shape = np.random.default_rng(2), (seeds, n)
    return {
        "tether": push + noise * rng.normal(size=shape),
        "x_nm_spread": np.full(shape, 1e-4),
        "x_nm_slow": np.full(shape, 2e-8 / D) * rng.uniform(0.8, 1.2, shape),
        "end_frames": np.full((seeds, 2), 20.0),
        "end_ions": np.tile(ends, (seeds, 1)),
        "seeds": np.ones((seeds, 1)),
        "batch_ps": np.full((seeds, 1), 5.0),
    }


def whole(tables):
    return {name: v.sum(axis=0, keepdims=True) for name, v in tables.items()}


def test_concentrations_are_those_of_all_ions_in_the_slabs_at_the_ends():
    """The held ion is one of twenty: nineteen free ones are counted for twenty."""
    tables = whole(held_tables(seeds=3))
    found = concentration(tables, HELD)
    assert found == pytest.approx(np.array([[40.0, 30.0]]) / 20 * 20 / 19 / (0.4 * 7.0))
    alone = Held(-1.0, 300.0, 0.3, 2e4, 7.0, 1, 0.4)
    assert concentration(tables, alone) == pytest.approx(found * 19 / 20)
    tables["end_frames"][:] = 0
    assert not np.isfinite(concentration(tables, HELD)).any()


def test_diffusion_of_several_seeds_is_that_of_their_mean_moments():
    tables = held_tables(seeds=4)
    found = diffusion(whole(tables))[0]
    wanted = held_diffusion(
        tables["x_nm_spread"].mean(axis=0), tables["x_nm_slow"].mean(axis=0), 5.0
    )
    assert found == pytest.approx(wanted)


def test_a_current_is_the_equation_s_with_the_cylinder_s_area_and_share():
    x, tables = np.linspace(-1, 1, 7), whole(held_tables(seeds=3))
    area = cylinder_area(0.3, 2e4, KT)
    assert (HELD.kT, HELD.area_nm2) == pytest.approx((KT, area))
    assert HELD.share(x) == pytest.approx(share_in_cylinder(x, 0.3, 0.4, area / 7.0))
    lines = concentration(tables, HELD) * area
    ions = steady_flux(x, tables["tether"] / 3, diffusion(tables), lines, KT, HELD.share)
    assert current(tables, HELD, x)[0] == pytest.approx(-E_PER_PS * ions)


@pytest.mark.parametrize("charge", [1.0, -1.0])
def test_the_interval_of_a_current_along_its_field_is_that_of_its_logarithm(charge):
    held = Held(charge, 300.0, 0.3, 2e4, 7.0, 20, 0.4)
    x, tables = np.linspace(-1, 1, 7), held_tables()
    way = int(np.sign(charge))  # pushed along +x, a cation carries a positive current
    found = current_interval(tables, held, x, way)
    logs = bootstrap(tables, lambda t: np.log(way * current(t, held, x)))
    ends = sorted(way * np.exp(end[0]) for end in (logs.low, logs.high))
    assert found.at(0).triple() == pytest.approx([way * np.exp(logs.value[0]), *ends])
    assert found.value[0] == pytest.approx(current(whole(tables), held, x)[0, 0])
    # Without a field, or where resamples differ in direction, it is that of the current.
    plain = bootstrap(tables, lambda t: current(t, held, x)).at(0).triple()
    for other in (0, -way):
        assert current_interval(tables, held, x, other).at(0).triple() == pytest.approx(plain)


def test_tables_of_a_field_are_its_windows_and_its_ends():
    rng = np.random.default_rng(0)
    sums = {name: rng.normal(size=(3, 2, 6)) for name in ("tether", "x_nm", *MOMENTS)}
    sums |= {name: rng.normal(size=(3, 2, 2)) for name in ("end_frames", "end_ions")}
    found = tables_of(sums, 1, slice(2, 5), 20.0)
    for name in ("tether", "x_nm", *MOMENTS):
        assert (found[name] == sums[name][:, 1, 2:5]).all()
    assert (found["end_ions"] == sums["end_ions"][:, 1]).all()
    assert (found["end_frames"] == sums["end_frames"][:, 1]).all()
    assert found["seeds"].tolist() == [[1.0]] * 3 and found["batch_ps"].tolist() == [[4.0]] * 3
