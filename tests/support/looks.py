"""How a page looks to people: whether they can use and read it, and where things stand on it."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.support.processes import frozen
from tests.support.stack import RunningStack

AT_REST = """() => document.getAnimations().every(
    (one) => one.playState !== "running" || one.effect.getTiming().iterations === Infinity)"""


def barriers(page: Page) -> list[str]:
    """
    Return what keeps people from using the page, as axe-core sees it: its serious and critical findings.

    Colours are looked at when they have come to rest: those under the pointer fade in and out.
    """
    page.wait_for_function(AT_REST)
    violations = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html']}: {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


FADED = """() => new Promise((done) => {
    const opacities = new Map();
    const found = { faded: [], seconds_of_refreshing: 0 };
    const begin = performance.now();
    let before = begin;
    const look = () => {
        const now = performance.now();
        if (document.querySelector("[data-stale='true']")) found.seconds_of_refreshing += (now - before) / 1000;
        before = now;
        for (const element of document.querySelectorAll("[data-testid=stMain] *")) {
            const opacity = Number(getComputedStyle(element).opacity);
            if (opacity < (opacities.get(element) ?? 0)) found.faded.push(element.outerHTML.slice(0, 200));
            opacities.set(element, opacity);
        }
        if (found.seconds_of_refreshing < 3 && now - begin < 60_000) setTimeout(look, 100);
        else done(found);
    };
    look();
})"""


def faded_elements(page: Page, stack: RunningStack) -> list[str]:
    """
    Return what fades on a page while it refreshes for three seconds: what it asks waits for Prefect's server that long.

    Streamlit begins to fade what it renders again after half a second. What stands for an element whose script is still
    being loaded pulses; the page is looked at once nothing does.
    """
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    with frozen(stack.pids("deployments.local.prefect_server")):
        found = page.evaluate(FADED)
    assert found["seconds_of_refreshing"] >= 3, "the page did not refresh"
    return found["faded"]


KEEP_NO_PLACES = "* { overflow-anchor: none !important; }"
"""Style of a page with which Chromium is as a browser that does not keep in its place what one reads."""

TOP_AT_REST = """(element) => new Promise((done) => {
    let before = NaN;
    const look = () => {
        const { top } = element.getBoundingClientRect();
        if (top === before) done(top);
        else requestAnimationFrame(look);
        before = top;
    };
    requestAnimationFrame(look);
})"""


def top_at_rest(element: Locator) -> float:
    """Return where the element stands on the screen, once two frames find it at the same place."""
    return float(element.evaluate(TOP_AT_REST))
