"""The end of a batch is told: as an event in Prefect, to a webhook that may be slow, wrong or away, and by notices."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client

from tasks.announcements.unannounced import announce_untold
from tasks.settings import Settings
from tasks.storage.open_store import open_store
from tests.support.processes import children_of, free_ports
from tests.support.stack import PROJECT
from tests.support.waiting import wait_until

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
TOKEN = "token-in-the-address"  # noqa: S105 - what must not be shown


class Receiver:
    """A program that takes messages, and answers 204 to all but those that a test names."""

    def __init__(self):
        self.messages = []
        self._answers = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.messages.append(SimpleNamespace(path=self.path, headers=dict(self.headers), body=body))
                answer = receiver.answer_to(self.path, body.decode())
                if isinstance(answer, threading.Event):
                    answer.wait(60)
                    return
                self.send_response(answer)
                self.send_header("location", f"{receiver.url}/elsewhere")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self._handler = Handler
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def answer_once(self, name, answer, at="/hook"):
        """Answer the next message about the batch of this name with a status, or once an event is set not at all."""
        self._answers[at, name] = answer

    def answer_to(self, path, message):
        asked = next((key for key in self._answers if path.startswith(key[0]) and key[1] in message), None)
        return self._answers.pop(asked, 204)

    def about(self, name, at="/hook"):
        """Return the messages about the batch of this name."""
        return [each for each in list(self.messages) if each.path.startswith(at) and name in each.body.decode()]


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def told(_make_stack, receiver):
    """A stack with a simulated device, a webhook, one process for batches and deliveries, and an address of its own."""
    stack = _make_stack("cpu")
    stack.simulate_devices()
    stack.environment |= {
        "BATCHSCRIBE_WEBHOOK": f"{receiver.url}/hook?{TOKEN}",
        "BATCHSCRIBE_WEBHOOK_SECRET": SECRET,
        "BATCHSCRIBE_NOTIFY": f"json://127.0.0.1:{receiver.port}/notice/{TOKEN} jsons://127.0.0.1:{receiver.port}/{TOKEN}",
        "BATCHSCRIBE_BATCH_PROCESSES": "1",
        "BATCHSCRIBE_PUBLIC_ADDRESS": "https://talks.example.org/",
    }
    stack.start()
    yield stack
    stack.close()


@pytest.fixture
def failed_batch(told, new_batch):
    """Makes a batch that fails without any work, and waits for its end."""

    def make(name, *paths):
        batch = new_batch(told, name)
        for path in paths or ("empty.mp3",):
            batch.upload(path, b"")
        batch.start()
        assert batch.finished(60)["state"] == "failed"
        return batch

    return make


def events_of(stack, batch):
    sought = {"event": {"name": ["batchscribe.batch.finished"]}, "resource": {"id": [resource_of(batch)]}}
    return stack.prefect.post("/events/filter", json={"filter": sought}).json()["events"]


def resource_of(batch):
    return f"batchscribe.batch.{batch.batch_id}"


def the_event_of(stack, batch):
    wait_until(lambda: events_of(stack, batch), "the event", 30)
    (event,) = events_of(stack, batch)
    return event


def deliveries(stack, batch, receiver="send-webhook"):
    """Return the runs that tell the webhook of the batch, or one that gets notices, oldest first."""
    flows = ["send-webhook" if receiver == "send-webhook" else "send-notice"]
    runs = stack.prefect.post("/flow_runs/filter", json={"flows": {"name": {"any_": flows}}}).json()
    named = [run for run in runs if receiver in (*flows, run["parameters"].get("receiver"))]
    of_batch = [run for run in named if batch.batch_id in json.dumps(run["parameters"])]
    return sorted(of_batch, key=lambda run: run["created"])


def has_come_to(stack, batch, state, receiver="send-webhook"):
    """Wait until the only delivery of a batch to a receiver is in a state, and return it."""

    def there():
        runs = deliveries(stack, batch, receiver)
        return len(runs) == 1 and runs[0]["state"]["name"] == state

    wait_until(there, f"the delivery's {state}", 60)
    return deliveries(stack, batch, receiver)[0]


def try_now(stack, run):
    """Press Retry in Prefect's UI."""
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "state_details": {"scheduled_time": now()}}
    stack.prefect.post(f"/flow_runs/{run['id']}/set_state", json={"state": state, "force": True}).raise_for_status()


def now():
    return datetime.now(UTC).isoformat()


def is_signed(message):
    headers = {name.lower(): value for name, value in message.headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.body
    signature = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{signature}"


def test_the_event_says_what_became_of_the_batch_and_where_its_documents_are(told, clips, new_batch):
    batch = new_batch(told, "one good, one bad")
    batch.upload("talks/welcome.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.upload("empty.mp3", b"")
    batch.start()
    assert batch.finished()["state"] == "failed"
    event = the_event_of(told, batch)
    assert event["resource"]["batchscribe.state"] == "failed"
    run_id = batch.status()["flow_run_id"]
    related = {each["prefect.resource.id"] for each in event["related"]}
    assert {f"prefect.flow-run.{run_id}", f"prefect.tag.batch:{batch.batch_id}"} <= related
    told_of = event["payload"]
    assert told_of["counts"] == {"total": 2, "done": 1, "failed": 1, "cancelled": 0}
    (cause,) = told_of["causes"]
    assert (cause["reason"].startswith("empty.mp3 is empty"), cause["jobs"]) == (True, 1)
    assert told_of["batch_url"] == f"https://talks.example.org/batches?batch={batch.batch_id}"
    assert (told_of["name"], told_of["state"], told_of["jobs_left_out"]) == ("one good, one bad", "failed", 0)
    failed, done = told_of["jobs"]
    assert (failed["path"], failed["stage"], failed["documents"]) == ("empty.mp3", "failed", [])
    assert "empty" in failed["error"]
    (subtitles,) = [each["key"] for each in done["documents"] if each["format"] == "srt"]
    assert (told.data / "store" / subtitles).read_bytes() == batch.document("talks/welcome.mp3", "srt")


def test_a_message_is_signed_and_sent_again_with_the_same_id_until_it_is_taken(told, receiver, failed_batch):
    receiver.answer_once("first refused", 500)
    batch = failed_batch("first refused")
    run = has_come_to(told, batch, "AwaitingRetry")
    assert "The webhook answered 500. Trying again at" in run["state"]["message"]
    # A delivery that waits holds no process: there is but one, and another batch gets it.
    assert failed_batch("not delayed").finished(60)
    assert has_come_to(told, batch, "Completed")["run_count"] == 2
    first, second = receiver.about("first refused")
    assert is_signed(first)
    assert is_signed(second)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == the_event_of(told, batch)["id"]
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert json.loads(second.body) == the_event_of(told, batch)["payload"]


def test_each_retry_of_a_batch_is_an_end_of_its_own(told, receiver, failed_batch):
    batch = failed_batch("tried twice")
    assert batch.api.post(f"/batch/{batch.batch_id}/retry").status_code == 202
    wait_until(lambda: len(receiver.about("tried twice")) == 2, "the second message", 60)
    assert len({message.headers["webhook-id"] for message in receiver.about("tried twice")}) == 2
    wait_until(lambda: len(events_of(told, batch)) == 2, "the second event", 30)


def test_a_cancelled_batch_is_told_and_summed_up(told, receiver, clips, new_batch):
    batch = new_batch(told, "second thoughts")
    for number in range(2):
        batch.upload(f"{number}.opus", clips["lecture-subtitles.opus"].path.read_bytes())
    with told.recordings_held():
        batch.start()
        batch.wait(lambda status: status["summary"]["transcribing"])
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel").status_code == 202
        run_id = batch.wait(lambda status: status["state"] == "cancelled", 30)["flow_run_id"]
    told_of = the_event_of(told, batch)["payload"]
    assert (told_of["state"], told_of["counts"]["cancelled"]) == ("cancelled", 2)
    wait_until(lambda: receiver.about("second thoughts"), "the message", 30)
    sought = {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["markdown"]}}
    (summary,) = told.prefect.post("/artifacts/filter", json={"artifacts": sought}).json()
    assert "0 done, 0 failed, 2 cancelled" in summary["data"]


@pytest.mark.parametrize("status", [400, 302])
def test_a_receiver_that_refuses_ends_the_delivery_and_a_retry_tells_it(told, receiver, failed_batch, status):
    receiver.answer_once(f"refused with {status}", status)
    batch = failed_batch(f"refused with {status}")
    run = has_come_to(told, batch, "Failed")
    assert f"The webhook answered {status}. Mend" in run["state"]["message"]
    assert [message.path for message in receiver.messages if "elsewhere" in message.path] == []
    try_now(told, run)
    has_come_to(told, batch, "Completed")
    assert len(receiver.about(batch.batch_id)) == 2


def test_a_receiver_that_is_away_is_told_when_it_is_back(told, receiver, failed_batch):
    receiver.stop()
    try:
        batch = failed_batch("while it was away")
        run = has_come_to(told, batch, "AwaitingRetry")
        assert "The webhook cannot be reached (ConnectError). Trying again at" in run["state"]["message"]
    finally:
        receiver.start()
    try_now(told, run)
    has_come_to(told, batch, "Completed")
    assert is_signed(*receiver.about("while it was away"))


def test_a_notice_that_is_not_taken_is_sent_again_and_delays_no_other(told, receiver, failed_batch):
    receiver.answer_once("with a notice", 503, at="/notice")
    batch = failed_batch("with a notice")
    run = has_come_to(told, batch, "AwaitingRetry", "1-json")
    assert "JSON (1-json) answered 503. Trying again at" in run["state"]["message"]
    away = has_come_to(told, batch, "AwaitingRetry", "2-jsons")
    assert "JSON (2-jsons) could not be reached" in away["state"]["message"]
    try_now(told, run)
    has_come_to(told, batch, "Completed", "1-json")
    first, second = (json.loads(message.body) for message in receiver.about("with a notice", at="/notice"))
    assert first["title"] == second["title"] == "with a notice: 1 failed"
    assert f"https://talks.example.org/batches?batch={batch.batch_id}" in first["message"]
    assert len(receiver.about("with a notice")) == 1


def test_a_batch_that_was_cancelled_before_it_began_is_told_once_by_the_clean_up(told, receiver, new_batch):
    told.prefect.patch("/work_pools/cpu", json={"is_paused": True}).raise_for_status()
    try:
        batch = new_batch(told, "never began")
        batch.upload("empty.mp3", b"")
        batch.start()
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel").status_code == 202
        assert batch.finished(30)["state"] == "cancelled"
        _announce_untold(told)
    finally:
        told.prefect.patch("/work_pools/cpu", json={"is_paused": False}).raise_for_status()
    told_of = the_event_of(told, batch)["payload"]
    assert (told_of["state"], told_of["counts"]["cancelled"], told_of["name"]) == ("cancelled", 1, "never began")
    has_come_to(told, batch, "Completed")
    _announce_untold(told)
    assert len(receiver.about("never began")) == len(deliveries(told, batch)) == 1


def test_a_delivery_whose_process_is_killed_is_made_again_with_the_same_id(told, receiver, failed_batch):
    hanging = threading.Event()
    receiver.answer_once("killed in the middle", hanging)
    batch = failed_batch("killed in the middle")
    wait_until(lambda: receiver.about("killed in the middle"), "the message", 30)
    for pid in _warm_processes_of(told, "cpu"):
        os.kill(pid, signal.SIGKILL)
    hanging.set()
    assert has_come_to(told, batch, "Completed")["run_count"] == 2
    assert len({message.headers["webhook-id"] for message in receiver.about("killed in the middle")}) == 1


def test_the_example_automation_sends_a_notification_about_failed_batches(told, receiver, failed_batch, tmp_path):
    example = (PROJECT / "docs" / "automations" / "failed-batches.yaml").read_text(encoding="utf-8")
    file = tmp_path / "automation.yaml"
    file.write_text(example.replace("00000000-0000-0000-0000-000000000000", _notification_block(told, receiver)))
    _prefect(told, "automation", "create", "--from-file", str(file))
    failed_batch("to be notified of")
    wait_until(lambda: [m for m in receiver.messages if m.path == "/notify"], "the notification", 60)
    (notification,) = [message.body.decode() for message in receiver.messages if message.path == "/notify"]
    assert "to be notified of: 1 failed" in notification
    assert "https://talks.example.org/batches?batch=" in notification


def test_clean_ups_run_one_after_the_other(told):
    deployment = told.prefect.get("/deployments/name/clean-up/cpu").json()["id"]
    runs = [told.prefect.post(f"/deployments/{deployment}/create_flow_run", json={}).json()["id"] for _ in range(3)]

    def states():
        return [told.prefect.get(f"/flow_runs/{run}").json()["state"]["name"] for run in runs]

    wait_until(lambda: states() == ["Completed"] * 3, "the ends of all clean-ups", 120)


def test_neither_address_nor_secret_stands_in_a_log_a_parameter_or_a_state(told, receiver):
    assert receiver.messages
    logs = "".join(log.read_text(errors="replace") for log in (told.data / "logs").iterdir())
    runs = told.prefect.post("/flow_runs/filter", json={"flows": {"name": {"like_": "send-"}}}).text
    run_logs = told.prefect.post("/logs/filter", json={"limit": 200, "sort": "TIMESTAMP_DESC"}).text
    for shown in (logs, runs, run_logs):
        assert TOKEN not in shown
        assert SECRET not in shown


def _announce_untold(stack):
    settings = Settings(
        data=stack.data,
        webhook=stack.environment["BATCHSCRIBE_WEBHOOK"],
        webhook_secret=SECRET,
        _env_file=None,
    )

    async def announce():
        async with get_client() as client:
            return await announce_untold(client, open_store(settings), settings, ended_before=datetime.now(UTC))

    with stack.as_prefect_server():
        return asyncio.run(announce())


def _warm_processes_of(stack, pool):
    (worker,) = stack.pids(f"deployments.worker {pool}")
    return children_of(worker)


def _notification_block(stack, receiver):
    """Make a notification block that posts to the receiver, and return its id."""
    made = (
        "from prefect.blocks.notifications import CustomWebhookNotificationBlock as Block\n"
        f"block = Block(name='test', url={receiver.url + '/notify'!r}, "
        "json_data={'text': '{{subject}} {{body}}'})\n"
        "print(block.save('told', overwrite=True))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", made], env=_prefect_environment(stack), capture_output=True, text=True, check=True
    )
    return answer.stdout.strip().splitlines()[-1]


def _prefect(stack, *arguments):
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    subprocess.run(command, env=_prefect_environment(stack), check=True, timeout=120)


def _prefect_environment(stack):
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return own | {
        "PREFECT_API_URL": f"{stack.prefect_address}/api",
        "PREFECT_HOME": str(stack.data / "prefect-of-the-user"),
    }
