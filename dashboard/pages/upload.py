"""The upload page, on which recordings become a batch."""

import streamlit as st

from dashboard.client import Client, ask
from dashboard.frontend.uploader.component import uploader
from dashboard.pages import batches
from tasks.settings import Settings

HOW_TO = """\
address={address}/api
batch=$(curl -s -X POST $address/batch -H 'Content-Type: application/json' -d '{{"name": "Interviews"}}' \\
  | python3 -c 'import json, sys; print(json.load(sys.stdin)["batch_id"])')
curl -T interview.mp3 -X POST "$address/upload?batch_id=$batch&path=interview.mp3"
curl -X POST $address/batch/$batch/start
curl $address/batch/$batch
curl -o results.zip $address/batch/$batch/results.zip
"""


def show() -> None:
    """Show the page, and lead to a batch that was just started."""
    st.title("Upload")
    settings, reads_links = ask(_what_it_takes)
    started = uploader(
        parallel_uploads=settings.parallel_uploads, max_file_bytes=settings.max_file_bytes, reads_links=reads_links
    )
    batches.show_recent()
    with st.expander("Upload from a terminal", icon=":material/terminal:"):
        st.code(HOW_TO.format(address=_address()), language="bash")
        st.link_button("HTTP API", "/api/docs")
    if started is not None:
        st.switch_page(st.Page(batches.show, url_path="batches"), query_params={"batch": started.batch_id})


async def _what_it_takes(client: Client) -> tuple[Settings, bool]:
    return client.settings, client.links.available


def _address() -> str:
    url = st.context.url or ""
    return "/".join(url.split("/")[:3])
