"""Route for the search in all transcripts."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboard.api.client import ClientOfProcess
from dashboard.search.finding import Scope
from dashboard.search.service import SearchAnswer
from tasks.batches import StoredModel

router = APIRouter(prefix="/search", tags=["search"])


class Search(StoredModel):
    """A search: its words, the recordings to look in, and the page of the answer."""

    q: str = Field(default="", description="words that must all be found; the last may be a beginning; “a phrase”")
    batch: str = Field(default="", description="id of the only batch to search in")
    tag: str = Field(default="", description="tag of the only batches to search in; case does not matter")
    language: str = Field(default="", description="code of the only language to search in")
    since: date | None = Field(default=None, description="day of the oldest batches to search in (UTC)")
    until: date | None = Field(default=None, description="day of the newest batches to search in (UTC)")
    limit: int = Field(default=10, ge=1, le=50, description="most recordings")
    offset: int = Field(default=0, ge=0)
    hits: int = Field(default=20, ge=1, le=100, description="most sentences of each recording")


@router.get("")
async def search_transcripts(client: ClientOfProcess, wanted: Annotated[Search, Query()]) -> SearchAnswer:
    """
    Return the recordings of which a sentence holds all words, or whose path and batch do, the best first.

    If there is no such sentence, `spread` is true, and the hits are passages of a few sentences that hold them.
    `index` says how many transcripts were searched, and how many are not in the index yet.
    """
    batches = await client.labels.tagged(wanted.tag) if wanted.tag else None
    scope = Scope(wanted.batch, wanted.language, wanted.since, wanted.until, batches)
    return await client.search.search(wanted.q, scope, limit=wanted.limit, offset=wanted.offset, hits=wanted.hits)
