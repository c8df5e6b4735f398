"""Run by a test in a small file system: sockets continue when it is full, and the error has the numbers."""

import sys

from lkas.integration.shared_memory import SHMBufferFullError
from lkas.integration.shared_memory.sockets import Publisher, Subscriber

SIZE = 50_000


def main(directory: str) -> None:
    publisher = Publisher("topic", serializer="raw", directory=directory)
    subscriber = Subscriber("topic", slots=100, directory=directory)
    sent = [publisher.send(bytes(SIZE)) for _ in range(15)]
    assert sent == sorted(sent, reverse=True)
    assert 0 < sum(sent) < 15
    assert publisher.stats().errors == subscriber.stats().dropped == sent.count(False)
    assert [len(subscriber.recv(timeout=0)) for _ in range(sum(sent))] == [SIZE] * sum(sent)
    assert publisher.send(b"again")
    assert subscriber.recv(timeout=0) == b"again"
    try:
        Subscriber("other", directory=directory)
    except SHMBufferFullError as error:
        sys.stdout.write(str(error))


main(sys.argv[1])
