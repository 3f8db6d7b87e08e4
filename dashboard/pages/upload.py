"""The upload page: how recordings become a batch."""

import streamlit as st

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
    """Show the page."""
    st.title("Upload")
    with st.expander("Upload from a terminal", icon=":material/terminal:"):
        st.code(HOW_TO.format(address=_address()), language="bash")
        st.link_button("HTTP API", "/api/docs")


def _address() -> str:
    url = st.context.url or ""
    return "/".join(url.split("/")[:3])
