"""FastAPI dependency that gives routes the client of the process."""

from typing import Annotated

from fastapi import Depends, Request

from dashboard.client import Client


def _client_of(request: Request) -> Client:
    client: Client = request.app.state.client
    return client


ClientOfProcess = Annotated[Client, Depends(_client_of)]
