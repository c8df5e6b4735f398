"""The exceptions of channels and sockets. Texts name the segment, the process, expected and found values."""


class SHMError(Exception):
    """Base of all exceptions of channels and sockets."""


class SHMConnectionError(SHMError, ConnectionError):
    """There is no other end: no writer (yet), a dead replier, a closed socket; the text names what is missing."""


class SHMTimeoutError(SHMError, TimeoutError):
    """The timeout of a call has expired."""


class SHMBufferFullError(SHMError):
    """There is no room: every slot is the newest or pinned, or a message is larger than every inbox."""


class SHMSerializationError(SHMError, ValueError):
    """A value that the binary record cannot hold; the text names the field."""


class SHMSchemaError(SHMError):
    """The segment holds another message, or another version or size of it; the text names both sides."""


class SHMWriterExistsError(SHMError):
    """Another living process writes the channel; the text names its pid."""

    def __init__(self, text: str, pid: int | None = None) -> None:
        super().__init__(text)
        self.pid = pid
