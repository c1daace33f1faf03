"""The pages in a headless browser: drawings by scripts, and clicks."""

import re
import shutil
import time
from pathlib import Path

import pytest
from served import TOKEN, served, two_membranes

pytestmark = pytest.mark.browser
pytest.importorskip("signac_dashboard", reason="needs signac-dashboard: pip install -e '.[dev]'")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright: pip install -e '.[dev]'"
)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
#: Time limit for WebGL without a GPU, which is slow on a busy machine.
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE_MS = 120_000

from januspore.space.dataspace import open_project  # noqa: E402


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return two_membranes(tmp_path_factory.mktemp("browser") / "space")


@pytest.fixture(scope="module")
def address(space):
    with served(space) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium is here: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, address):
    """A page that has not sent the token yet; any error of the page fails the test."""
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page, complaints, elsewhere = context.new_page(), [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # Violations of the page's policy are errors as well; refused tokens and deleted jobs are not.
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "the server responded" not in said.text
            else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((address, "data:", "blob:"))
            else elsewhere.append(asked.url)
        ),
    )
    yield page
    context.close()
    assert complaints == [] and elsewhere == []


@pytest.fixture
def opened(page, address):
    page.goto(f"{address}/login?token={TOKEN}")
    return page


def until(page, expression):
    """Wait for a condition; Playwright's own wait is forbidden by the page's policy."""
    for _ in range(PATIENCE_MS // 100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(expression)


def sine(space):
    (job,) = open_project(space).find_jobs(
        {"protocol.name": "sine", "seed": 0, "charge_set.material": "MoSSe"}
    )
    return job


def test_a_wrong_token_is_refused_and_the_right_one_opens_the_page(page, address, space):
    page.goto(f"{address}/jobs/{sine(space).id}")
    page.get_by_label("token").fill("a wrong one")
    page.get_by_role("button", name="Open").click()
    page.get_by_text("That is not the token.").wait_for()
    page.get_by_label("token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="MoSSe, sine, seed 0").wait_for()


def test_the_project_page_is_renewed_by_its_script(opened, address, space, tmp_path):
    opened.get_by_text("8 of 8 jobs simulated").wait_for()
    opened.locator(".figures img").first.wait_for()
    until(opened, "document.querySelector('.figures img').naturalWidth > 0")
    opened.clock.install()
    opened.goto(f"{address}/project/")
    job = sine(space)
    shutil.move(job.path, tmp_path / "away")
    try:
        for _ in range(PATIENCE_MS // 500):
            opened.clock.fast_forward(10_000)
            time.sleep(0.5)
            if opened.get_by_text("7 of 7 jobs simulated").count():
                break
        else:
            raise AssertionError("the card of progress is not refreshed")
    finally:
        shutil.move(tmp_path / "away", job.path)


def test_search_and_open_a_job(opened, space):
    opened.get_by_label("search jobs").fill("protocol.name=sine charge_set.material=MoSSe seed=0")
    opened.get_by_role("button", name="Search").click()
    opened.get_by_text("1 of 8 jobs").wait_for()
    opened.get_by_role("link", name="MoSSe, sine, seed 0").click()
    # Traces: every panel is drawn, and dragging zooms in.
    opened.wait_for_selector("#traces[data-shown='6']")
    assert opened.locator("#traces canvas").count() == 6
    whole = opened.get_by_role("button", name="Whole record")
    assert not whole.is_visible()
    plot = opened.locator("#traces .u-over").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    opened.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 40)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40, steps=3)
    opened.mouse.up()
    whole.wait_for()
    whole.click()
    whole.wait_for(state="hidden")


DRAWN = """() => {
    const scene = document.querySelector('#frame canvas');
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [scene.width, scene.height];
    const context = copy.getContext('2d');
    context.drawImage(scene, 0, 0);
    const pixels = context.getImageData(0, 0, copy.width, copy.height).data;
    let colored = 0;
    for (let k = 0; k < pixels.length; k += 4) {
        const rgb = pixels.slice(k, k + 3);
        colored += Math.max(...rgb) - Math.min(...rgb) > 60;
    }
    return colored;
}"""


def test_the_last_frame_is_drawn_and_turns(opened, address, space):
    opened.goto(f"{address}/jobs/{sine(space).id}")
    opened.wait_for_selector("#frame[data-shown]")
    atoms = int(opened.locator("#frame").get_attribute("data-shown"))
    assert atoms > 300 and f"{atoms} atoms at" in opened.locator("#frame .told").inner_text()
    species = opened.locator("#frame .key span").all_inner_texts()
    assert species == ["Mo", "S", "Se", "K", "Cl", "O", "H"]
    # Atoms are in colour; the box, the text and the background are grey.
    until(opened, f"({DRAWN})() > 1000")
    # With reduced motion the molecule does not rotate until the button is pressed.
    turning = opened.locator("#frame button")
    assert turning.get_attribute("aria-pressed") == "false"
    turning.click()
    assert turning.get_attribute("aria-pressed") == "true"
    turning.click()
    opened.locator("#frame select").select_option("all")


def test_two_membranes_are_compared(opened):
    opened.get_by_role("link", name="Compare").click()
    opened.get_by_label("MoSSe, sine").check()
    opened.get_by_label("MoS2, sine").check()
    opened.get_by_role("button", name="Show").click()
    until(opened, "document.querySelector('figure img').naturalWidth > 0")
    columns = opened.locator("table.compared thead th").all_inner_texts()
    assert columns == ["", "A: MoSSe, sine", "B: MoS2, sine"]
    assert opened.get_by_label("figure").input_value() == "current against field"


def test_a_deleted_job_is_reported(opened, address, space, tmp_path):
    job = sine(space)
    opened.goto(f"{address}/jobs/")
    shutil.move(job.path, tmp_path / "away")
    try:
        opened.get_by_role("link", name="MoSSe, sine, seed 0").click()
        opened.get_by_text("it may be deleted").wait_for()
        assert not Path(job.path).exists()
    finally:
        shutil.move(tmp_path / "away", job.path)


@pytest.mark.parametrize("width", [1400, 400])
def test_no_page_is_wider_than_its_window(opened, address, space, width):
    opened.set_viewport_size({"width": width, "height": 800})
    opened.goto(f"{address}/compare?q=protocol.name%3Dsine")
    keys = re.findall(r'name="e" value="([0-9a-f]+)"', opened.content())
    compared = "&".join(f"e={key}" for key in keys)
    for path in ("/project/", "/jobs/", f"/jobs/{sine(space).id}", f"/compare?{compared}"):
        opened.goto(address + path)
        opened.get_by_role("heading", level=1).wait_for()
        assert opened.evaluate("document.documentElement.scrollWidth") <= width, path
