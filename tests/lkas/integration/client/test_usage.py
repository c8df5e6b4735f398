"""The example of the users, verbatim, beside a perception core in C."""

import textwrap
from typing import Any

from lkas.integration.client import LKASClient
from tests.lkas.integration.client.conftest import WAIT_S
from tests.support.stack import wait_until

EXAMPLE = """
    client = LKASClient()
    detections = client.get_detections()   # {'frame_id': ..., 'timestamp': ..., 'detections': [...]}; cached [...]
    tracks = client.get_tracks()           # {'timestamp': ..., 'tracks': [...]}
    timelines = client.get_timelines()     # {'timestamp': ..., 'timelines': [...]}
    stats, status = client.get_stats(), client.get_status()
    success = client.send_command('CONFIG_UPDATE', {'threshold': 0.7})      # acknowledged in < 100 ms
    health = client.health_check()         # {'shm_accessible': True, 'data_fresh': True, ...}
    client.close()
"""


def test_the_example(start):
    core = start()
    with LKASClient() as first:
        wait_until(lambda: first.health_check()["healthy"], "a healthy core", WAIT_S)
    names: dict[str, Any] = {"LKASClient": LKASClient}

    def run() -> bool:
        """Run the example. Returns False when the core was too slow, which may happen on a busy machine."""
        exec(textwrap.dedent(EXAMPLE), names)
        return names["success"] is True and names["health"]["healthy"]

    wait_until(run, "a run of the example with an answer in time", WAIT_S)
    assert len(names["detections"]["detections"]) == 2
    assert len(names["tracks"]["tracks"]) == 2
    assert len(names["timelines"]["timelines"]) == 1
    assert {"frame_id", "timestamp"} <= names["detections"].keys()
    assert names["status"]["pid"] == names["stats"]["detections"]["writer_pid"] == core.pid
    assert names["health"]["shm_accessible"] is names["health"]["data_fresh"] is True
