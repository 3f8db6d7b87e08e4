"""
Try the addresses of ``BATCHSCRIBE_NOTIFY``: ``python -m deployments.local.try_notices``.

Sends a test notice to each of them at once and says what came of it, without the addresses. Exits with 1 unless all of
them took it.
"""

import sys

from pydantic import ValidationError

from tasks.announcements.notice import Notice
from tasks.announcements.notifying import addresses, notify
from tasks.errors import TranscriptionError
from tasks.settings import Settings, faults_in
from tasks.webhook_signature import Answer


def try_all(settings: Settings) -> dict[str, tuple[str, bool]]:
    """Return what came of a test notice to each address, and whether it was taken, by the name of the address."""
    notice = Notice(
        title="Batchscribe: a test notice",
        body=f"You will be told here when a batch has ended.\n\n{settings.address}",
    )
    came_of_it = {}
    for receiver in addresses(settings):
        try:
            said, answer = notify(settings, receiver, notice)
        except TranscriptionError as error:
            came_of_it[receiver] = (str(error), False)
        else:
            came_of_it[receiver] = (said, answer is Answer.TAKEN)
    return came_of_it


def main() -> None:
    """Try the addresses of this installation, and say what came of it."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(faults_in(error))
    came_of_it = try_all(settings)
    if not came_of_it:
        sys.exit("BATCHSCRIBE_NOTIFY is not set. Write addresses into .env, for example mailtos://user:password@host")
    for said, _ in came_of_it.values():
        print(said)  # noqa: T201 - a command's answer
    sys.exit(0 if all(taken for _, taken in came_of_it.values()) else 1)


if __name__ == "__main__":
    main()
