"""The one exception that commands show to people: its text says what is wrong and what to do next."""

from enum import IntEnum


class Status(IntEnum):
    """Exit statuses of every command, besides 0."""

    FOUND_WRONG = 1
    WRONG_USAGE = 2


class UserError(Exception):
    """Ends a command with this message on standard error and this exit status, without a traceback."""

    def __init__(self, message: str, status: Status = Status.FOUND_WRONG) -> None:
        super().__init__(message)
        self.status = status
