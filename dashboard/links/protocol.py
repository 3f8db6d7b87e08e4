"""Messages between the dashboard and the program that reads links."""

from pydantic import BaseModel, ConfigDict


class LinkRequest(BaseModel):
    """
    A link to be read: looked into, or downloaded.

    At most *most* recordings are told of one link. *networks* are those that it may lead to although they are not of
    the public internet; *deno* is the program that runs the scripts of video sites, if there is one.
    """

    model_config = ConfigDict(frozen=True)

    link: str
    download: bool = False
    most: int = 1
    networks: tuple[str, ...] = ()
    deno: str = ""


class LinkedRecording(BaseModel):
    """A recording that a link leads to; *size* in bytes and *seconds* are as told there, *ending* is of a file name."""

    model_config = ConfigDict(frozen=True)

    link: str
    title: str = ""
    ending: str = ""
    size: int | None = None
    seconds: float | None = None


class LinkNews(BaseModel):
    """One line of the program: the title of what the link leads to, a recording, its size in bytes, or a problem."""

    model_config = ConfigDict(frozen=True)

    title: str = ""
    recording: LinkedRecording | None = None
    size: int | None = None
    is_estimate: bool = False
    problem: str = ""
    refused: str = ""
