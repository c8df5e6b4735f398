"""What can go wrong with a channel. The texts carry the numbers: which segment, whose pid, expected and found."""


class SHMError(Exception):
    """Any failure of a shared-memory channel."""


class SHMConnectionError(SHMError, ConnectionError):
    """Nobody is at the other end: no writer (yet), a dead replier, a closed socket; the text says who should be."""


class SHMTimeoutError(SHMError, TimeoutError):
    """The time given for an exchange is over."""


class SHMBufferFullError(SHMError):
    """No room: every slot is the newest or pinned by a reader, or a message is larger than every inbox."""


class SHMSerializationError(SHMError, ValueError):
    """A value that the binary record can not hold; the text names the field."""


class SHMSchemaError(SHMError):
    """The segment holds another message, or another version or size of it; the text names both sides."""


class SHMWriterExistsError(SHMError):
    """Another living process writes the channel; the text names its pid."""

    def __init__(self, text: str, pid: int | None = None) -> None:
        super().__init__(text)
        self.pid = pid
