"""The line protocol of a serial car: short ASCII lines with a checksum, in the style of NMEA 0183.

    to the car    $C,<sequence>,<steering>,<throttle>,<brake>*hh\\r\\n     a hundred times a second
                  $N,<sequence>*hh\\r\\n                                  neutral: motor off, steering as it is
    from the car  $S,<sequence>,<speed>,<yaw rate>,<steering>*hh\\r\\n     fifty times a second; unknown: empty

Sequence 0 to 65535, then again 0. Steering in 1/1000 of the range, right positive, -1000 to 1000; throttle and brake
0 to 1000; speed in mm/s; yaw rate in 1/1000 rad/s, left positive. `hh` is the exclusive or of all bytes between `$` and
`*`, two hexadecimal digits. The car goes into neutral when no valid line came for 80 ms. A line that does not match
is ignored and counted; no line is longer than 64 bytes.
"""

from functools import reduce
from operator import xor

from msgspec import Struct

MAX_LINE_BYTES = 64
SCALE = 1000
SEQUENCES = 65536


class CommandLine(Struct, frozen=True, kw_only=True):
    """`$C`: steering within [-1, 1], right positive; throttle and brake within [0, 1]."""

    sequence: int
    steering: float
    throttle: float
    brake: float

    def encode(self) -> bytes:
        """Return the line with its checksum and line end."""
        values = (self.steering, self.throttle, self.brake)
        return framed(f"C,{self.sequence % SEQUENCES}," + ",".join(str(round(SCALE * value)) for value in values))


class NeutralLine(Struct, frozen=True, kw_only=True):
    """`$N`."""

    sequence: int

    def encode(self) -> bytes:
        """Return the line with its checksum and line end."""
        return framed(f"N,{self.sequence % SEQUENCES}")


class StateLine(Struct, frozen=True, kw_only=True):
    """`$S`: what the car's sensors say; None where it has no such sensor."""

    sequence: int
    speed_mps: float | None = None
    yaw_rate_radps: float | None = None  # left positive
    steering: float | None = None  # [-1, 1], right positive

    def encode(self) -> bytes:
        """Return the line with its checksum and line end."""
        values = (self.speed_mps, self.yaw_rate_radps, self.steering)
        words = ("" if value is None else str(round(SCALE * value)) for value in values)
        return framed(f"S,{self.sequence % SEQUENCES}," + ",".join(words))


Line = CommandLine | NeutralLine | StateLine


def framed(text: str) -> bytes:
    """Return `$text*hh` and a line end."""
    body = text.encode("ascii")
    return b"$%s*%02X\r\n" % (body, reduce(xor, body, 0))


def decode(line: bytes) -> Line | None:
    """Return what one line says, or None for a line that is none of this protocol."""
    line = line.strip(b"\r\n")
    if not line.startswith(b"$") or line[-3:-2] != b"*" or len(line) > MAX_LINE_BYTES:
        return None
    body = line[1:-3]
    try:
        if int(line[-2:], 16) != reduce(xor, body, 0):
            return None
        kind, *words = body.decode("ascii").split(",")
        numbers = [None if word == "" else int(word) for word in words]
    except ValueError:
        return None
    if not numbers or numbers[0] is None or not 0 <= numbers[0] < SEQUENCES:
        return None
    sequence, values = numbers[0], [None if number is None else number / SCALE for number in numbers[1:]]
    match kind, values:
        case "N", []:
            return NeutralLine(sequence=sequence)
        case "C", [float(steering), float(throttle), float(brake)]:
            if abs(steering) <= 1 and 0 <= throttle <= 1 and 0 <= brake <= 1:
                return CommandLine(sequence=sequence, steering=steering, throttle=throttle, brake=brake)
        case "S", [speed_mps, yaw_rate_radps, steering]:
            return StateLine(sequence=sequence, speed_mps=speed_mps, yaw_rate_radps=yaw_rate_radps, steering=steering)
    return None


class LineSplitter:
    """Cuts a byte stream into lines; what grows beyond a line's length is dropped and counted."""

    def __init__(self) -> None:
        self._rest = b""
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that these bytes complete."""
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            self.dropped_bytes += len(rest)
            rest = b""
        self._rest = rest
        return [line + b"\n" for line in lines]
