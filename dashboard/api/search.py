"""Route for the search in all transcripts."""

from typing import Annotated

from fastapi import APIRouter, Query

from dashboard.api.client import ClientOfProcess
from dashboard.search.service import SearchAnswer

router = APIRouter(prefix="/search", tags=["search"])


@router.get("")
async def search_transcripts(
    client: ClientOfProcess,
    q: Annotated[str, Query(description="words that must all be found; the last may be a beginning; “a phrase”")] = "",
    limit: Annotated[int, Query(ge=1, le=50, description="most recordings")] = 10,
    offset: Annotated[int, Query(ge=0)] = 0,
    hits: Annotated[int, Query(ge=1, le=100, description="most sentences of each recording")] = 20,
) -> SearchAnswer:
    """
    Return the recordings of which a sentence holds all words, or whose path and batch do, the best first.

    `index` says how many transcripts were searched, and how many are not in the index yet.
    """
    return await client.search.search(q, limit=limit, offset=offset, hits=hits)
