"""The GPUs page shows what each device does, what comes next, what is wrong and what to do."""

import io
import re
import wave
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tasks.batches import GPU_TAG, RECORDING_FLOW, SHARED, helpers_tag, helps_tag
from tests.support.batch_page import address, row
from tests.support.looks import barriers

SECONDS_FOR_NEWS = 60_000
"""In milliseconds, as Playwright counts: the page looks every two seconds, on a busy machine less often."""

LECTURES = 6


def silence() -> bytes:
    """Three seconds in which nobody speaks."""
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(2 * 16_000 * 3))
    return content.getvalue()


def card(page, pool):
    return page.get_by_role("listitem", name=re.compile(f"^{pool}:"))


def shows(locator, *texts):
    for text in texts:
        expect(locator).to_contain_text(text, timeout=SECONDS_FOR_NEWS)


@contextmanager
def further_pool(stack, name="gpu-7"):
    """A work pool of another machine, whose worker is started when the test says so."""
    pool = {"name": name, "type": "warm", "concurrency_limit": 2, "description": "Test device on elsewhere"}
    stack.prefect.post("/work_pools/", json=pool).raise_for_status()
    flow_id = stack.prefect.get(f"/flows/name/{RECORDING_FLOW}").json()["id"]
    deployment = {"name": name, "flow_id": flow_id, "work_pool_name": name, "tags": [GPU_TAG]}
    deployment_id = stack.prefect.post("/deployments/", json=deployment).json()["id"]
    try:
        yield name
    finally:
        stack.prefect.delete(f"/deployments/{deployment_id}").raise_for_status()
        stack.prefect.delete(f"/work_pools/{name}").raise_for_status()


def begin_help(stack, batch, path, pool):
    """Return the id of a run that helps with a job on the pool, as far as Prefect knows."""
    tags = [helps_tag(batch.job_ids[path]), helpers_tag(batch.batch_id)]
    deployment = stack.prefect.get(f"/deployments/name/{RECORDING_FLOW}/{pool}").json()
    create = f"/deployments/{deployment['id']}/create_flow_run"
    run = stack.prefect.post(create, json={"name": path, "tags": tags, "parameters": {"helps": True}}).json()
    set_state(stack, run["id"], "RUNNING")
    return run["id"]


def set_state(stack, run_id, state_type, name=None):
    state = {"type": state_type, "name": name or state_type.title()}
    answer = stack.prefect.post(f"/flow_runs/{run_id}/set_state", json={"state": state, "force": True})
    assert answer.json()["status"] == "ACCEPT", answer.text


def report_worker(stack, pool):
    beat = {"name": pool, "heartbeat_interval_seconds": 60}
    stack.prefect.post(f"/work_pools/{pool}/workers/heartbeat", json=beat).raise_for_status()
    stack.prefect.post(f"/work_pools/{pool}/get_scheduled_flow_runs", json={}).raise_for_status()


def test_a_batch_is_seen_on_both_devices_and_its_link_leads_to_it(open_page, stack, clips, new_batch):
    page = open_page("/gpus")
    shows(card(page, "gpu-0"), "CPU", "Jobs at once", "Audio waiting", "Free in", "Speed")
    batch = new_batch(stack, "six lectures")
    batch.upload("silence.wav", silence())
    for number in range(LECTURES):
        batch.upload(f"monday/{number}.mp3", clips["short-answer.mp3"].path.read_bytes())
    with stack.recordings_held():
        batch.start()
        for pool in ("gpu-0", "gpu-1"):
            shows(card(page, pool), "Online, busy", "monday/", "six lectures")
        expect(page.locator(".run").get_by_role("progressbar").first).to_be_visible(timeout=SECONDS_FOR_NEWS)
    page.get_by_role("link", name="six lectures").first.click()
    page.wait_for_url(f"**/batches?batch={batch.batch_id}", timeout=SECONDS_FOR_NEWS)
    batch.finished()
    page = open_page("/gpus")
    # Either device may have had it, and both may have had failures of other tests.
    failures = page.locator("details", has_text="Latest failures").filter(has_text="silence.wav")
    failures.locator("summary").click()
    shows(failures, "silence.wav", "No speech")
    prefect_run = failures.get_by_role("link", name="silence.wav").first.get_attribute("href")
    assert prefect_run.startswith(f"{stack.prefect_address}/runs/flow-run/")


def test_what_a_person_opened_stays_open_while_the_page_goes_on(open_page, stack, new_batch):
    batch = new_batch(stack, "silence")
    batch.upload("nobody.wav", silence())
    batch.start()
    batch.finished()
    page = open_page("/gpus")
    first = page.locator(".card").filter(has=page.locator("details")).first
    pool = first.get_attribute("data-key")
    failures = card(page, pool).locator("details")  # a failure of another test may show on a card before it meanwhile
    failures.locator("summary").click()
    stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": True}).raise_for_status()
    try:
        shows(card(page, pool), "Paused", "Resume it in Prefect")
    finally:
        stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": False}).raise_for_status()
    shows(card(page, pool), "Online")
    expect(failures).to_have_attribute("open", "")


def test_a_device_that_helps_is_seen_to_at_the_job_and_on_its_card(open_page, stack, clips, new_batch):
    batch = new_batch(stack, "a long talk")
    batch.upload("talk.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    batch.finished()
    with further_pool(stack) as pool:
        report_worker(stack, pool)
        run_id = begin_help(stack, batch, "talk.mp3", pool)
        page = open_page(address(batch))
        shows(row(page, "talk.mp3"), re.compile(r"[CG]PU 7 helps"))
        bar = page.locator(".picture rect.help.busy title")
        expect(bar).to_have_text(re.compile("^talk.mp3: helps, "), timeout=SECONDS_FOR_NEWS)
        devices = open_page("/gpus")
        shows(card(devices, pool), "Online, busy", "helps with talk.mp3", "a long talk")
        set_state(stack, run_id, "COMPLETED", SHARED)
        shows(row(page, "talk.mp3"), re.compile(r"[CG]PU 7 helped"))
        shows(card(devices, pool), "Online, idle")
        (job,) = batch.status()["jobs"]
        assert [(one["work_pool"], one["ended_as"]) for one in job["helpers"]] == [(pool, "completed")]
        assert len(job["attempts"]) == 1
        assert job["stage"] == "done"


def test_an_offline_pool_says_how_to_start_it_and_comes_back(open_page, stack):
    with further_pool(stack) as pool:
        page = open_page("/gpus")
        shows(card(page, pool), "Offline", "elsewhere", f"make worker POOL={pool}")
        shows(page.locator(".totals"), "Need attention1", "CPU 7")
        report_worker(stack, pool)
        shows(card(page, pool), "Online, idle", "Nothing: it waits for jobs.")


def test_a_quarantined_gpu_says_why_and_when_it_is_tried_again(open_page, stack):
    with further_pool(stack) as pool:
        report_worker(stack, pool)
        paused = {"description": "Quarantined: Test device on elsewhere", "is_paused": True}
        stack.prefect.patch(f"/work_pools/{pool}", json=paused).raise_for_status()
        probe_at = datetime.now(UTC) + timedelta(minutes=8)
        report = {
            "at": datetime.now(UTC).isoformat(),
            "load": {"memory_used_bytes": 6_100_000_000, "memory_total_bytes": 24_000_000_000, "utilisation": 0.25},
            "quarantine": {"failures": 3, "reason": "CUDA error 719.", "probe_at": probe_at.isoformat()},
        }
        variable = {"name": f"batchscribe-device-{pool}", "value": report}
        stack.prefect.post("/variables/", json=variable).raise_for_status()
        try:
            page = open_page("/gpus")
            shows(card(page, pool), "Quarantined", "failed 3 times in a row, the last time: CUDA error 719.")
            shows(card(page, pool), "tried with one job in 7 min", "6.1 of 24.0 GB", "25%")
        finally:
            stack.prefect.delete(f"/variables/name/{variable['name']}").raise_for_status()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_keeps_people_from_using_the_page(open_page, stack, width, dark):
    with further_pool(stack) as pool:
        page = open_page("/gpus", width=width, dark=dark)
        shows(card(page, pool), "Offline")
        assert barriers(page) == []
