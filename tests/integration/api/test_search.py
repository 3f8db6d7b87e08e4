"""The search over HTTP: what the dashboard publishes and dismisses is followed without a restart."""

import pytest


@pytest.fixture
def searched(dashboard, publish, prefect, wait):
    """A finished batch with one transcript that the search finds, as its id and its job's."""
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("talks/a.mp3")
    publish(dashboard, batch_id, job_id, content=b"The hedgehog sleeps.\n\nIt wakes.\n")
    prefect.set_state("flow_runs", flow_run_id, "COMPLETED")
    dashboard.status_once(batch_id, lambda now: now["state"] == "completed")
    wait(lambda: found(dashboard, "hedgehog", batch_id), "the index", seconds=30)
    return batch_id, job_id


def found(dashboard, query, batch_id):
    answer = dashboard.http.get("api/search", params={"q": query})
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["recordings"] if each["batch_id"] == batch_id]


def test_a_transcript_is_found_once_its_batch_was_looked_at_and_no_more_once_it_is_dismissed(dashboard, searched):
    batch_id, job_id = searched
    (recording,) = found(dashboard, "hedge", batch_id)
    assert recording["path"] == {"text": "talks/a.mp3", "marks": []}
    assert (recording["job_id"], recording["total_hits"]) == (job_id, 1)
    assert recording["hits"] == [{"text": "The hedgehog sleeps.", "marks": [[4, 12]], "start": None}]
    assert dashboard.http.delete(f"api/batch/{batch_id}").status_code == 204
    assert found(dashboard, "hedgehog", batch_id) == []


@pytest.mark.parametrize(
    ("parameters", "status", "said"),
    [
        ({}, 400, "There is no word to look for."),
        ({"q": " "}, 400, "There is no word to look for."),
        ({"q": "x" * 201}, 400, "The search has 201 characters; 200 are possible."),
        ({"q": "x", "limit": 51}, 422, "limit"),
    ],
)
def test_a_search_that_cannot_be_answered_says_why(dashboard, parameters, status, said):
    answer = dashboard.http.get("api/search", params=parameters)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
