from collections.abc import Iterator

import pytest

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.viewer_process import ViewerProcess, running_viewer


@pytest.fixture(scope="package")
def ports() -> Ports:
    return Ports(free_port_base())


@pytest.fixture(scope="package")
def broker(ports: Ports) -> Iterator[FakeBroker]:
    with FakeBroker(ports) as fake:
        yield fake


@pytest.fixture(scope="package")
def viewer(ports: Ports, broker: FakeBroker) -> Iterator[ViewerProcess]:
    with running_viewer(ports) as process:
        yield process
