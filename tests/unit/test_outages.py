"""Which refusals of Prefect's server are waited out."""

import httpx
import pytest

from tasks.errors import PrefectRefused
from tasks.outages import check_passing

REQUEST = httpx.Request("POST", "http://127.0.0.1:4200/api/deployments/1/create_flow_run")


def answer(status, text=""):
    response = httpx.Response(status, text=text, request=REQUEST)
    return httpx.HTTPStatusError(str(status), request=REQUEST, response=response)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_waited_for(status):
    check_passing(answer(status))


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_a_refusal_that_would_come_again_is_told_with_what_the_server_said(status):
    with pytest.raises(PrefectRefused, match="parameters must be less than") as refused:
        check_passing(answer(status, "parameters must be less than 524288 bytes"))
    assert str(status) in str(refused.value)
