"""Errors as HTTP responses: a status and one sentence for the user, always ``{"detail": "…"}``."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tasks.errors import (
    CorrectionInvalid,
    DiskFull,
    LabelInvalid,
    LinksUnavailable,
    LinkUnreadable,
    ModelUnavailable,
    NotFound,
    NotMedia,
    OptionInvalid,
    PathTaken,
    PrefectUnavailable,
    RevisionConflict,
    SearchInvalid,
    SearchUnavailable,
    StoreUnavailable,
    TooManyUploads,
    TranscriptionError,
    UploadMissing,
    UploadOffsetWrong,
    UploadRejected,
    UploadStalled,
    UploadsUnavailable,
    UploadTooLarge,
    UploadUnderWay,
    WorkPoolUnavailable,
    WrongStage,
)
from tasks.names import display_name

STATUS_OF: dict[type[TranscriptionError], int] = {
    NotFound: 404,
    WrongStage: 409,
    RevisionConflict: 409,
    CorrectionInvalid: 422,
    LabelInvalid: 422,
    LinkUnreadable: 422,
    LinksUnavailable: 501,
    OptionInvalid: 422,
    PathTaken: 409,
    UploadOffsetWrong: 409,
    UploadMissing: 410,
    UploadTooLarge: 413,
    NotMedia: 415,
    UploadStalled: 408,
    UploadUnderWay: 423,
    TooManyUploads: 429,
    StoreUnavailable: 503,
    PrefectUnavailable: 503,
    WorkPoolUnavailable: 503,
    ModelUnavailable: 503,
    SearchUnavailable: 503,
    UploadsUnavailable: 503,
    DiskFull: 507,
    SearchInvalid: 400,
    UploadRejected: 400,
    TranscriptionError: 500,
}
RETRY_AFTER_SECONDS = 2
MOST_PROBLEMS = 5
"""Problems of one body that are told; a transcript has thousands of words."""

logger = logging.getLogger(__name__)


def status_of(error: TranscriptionError) -> int:
    """Return the HTTP status of *error*: that of its class, or of the nearest one above."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def handle_errors(api: FastAPI) -> None:
    """Make *api* answer every error in the same form."""
    api.add_exception_handler(TranscriptionError, _answer_ours)
    api.add_exception_handler(RequestValidationError, _answer_invalid)
    api.add_exception_handler(HTTPException, _answer_http)
    api.add_exception_handler(Exception, _answer_unforeseen)


async def _answer_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TranscriptionError)  # noqa: S101 - registered for this class only
    status = status_of(error)
    if status >= 500:  # noqa: PLR2004 - the server's fault
        logger.warning("%s %s: %d %s", request.method, request.url.path, status, error)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if error.retryable else {}
    return JSONResponse({"detail": str(error)}, status_code=status, headers=headers | _closing(request))


async def _answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    problems = [f"{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()[:MOST_PROBLEMS]]
    detail = f"The request cannot be understood. {'; '.join(problems).lstrip(': ')}. See /api/docs."
    return JSONResponse({"detail": detail}, status_code=422)


def _place(parts: tuple[str | int, ...]) -> str:
    """Return the place of a problem in a request; a client's own names in it may be anything."""
    return ".".join(display_name(str(part)) for part in parts if part not in ("body", "query", "path"))


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    detail = error.detail
    if detail == "Not Found":  # the framework's own words for an unknown address
        detail = f"There is no {request.url.path}. See /api/docs."
    if detail == "Method Not Allowed":
        detail = f"{request.method} is not possible on {request.url.path}. See /api/docs."
    headers = dict(error.headers or {}) | _closing(request)
    return JSONResponse({"detail": detail}, status_code=error.status_code, headers=headers)


async def _answer_unforeseen(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": unforeseen(error)}, status_code=500, headers=_closing(request))


def unforeseen(error: Exception) -> str:
    """Return what a user is told of an error of the dashboard's own."""
    return (
        f"The dashboard failed in a way that nobody foresaw ({type(error).__name__}). Its log, "
        "data/logs/dashboard.log, says where; try again, and report it if that does not help."
    )


def _closing(request: Request) -> dict[str, str]:
    """
    Return the header that ends the connection, for a request whose body is refused.

    Without it the client would send all of the body, gigabytes maybe, before it looks at the answer.
    """
    return {"Connection": "close"} if getattr(request.state, "body_refused", False) else {}
