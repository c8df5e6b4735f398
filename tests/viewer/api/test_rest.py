"""The REST API: schemathesis sends what its OpenAPI document allows and what it does not; the rest is by hand."""

import concurrent.futures
import contextlib
import json
import time

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable as NoSuchExample
from schemathesis import GenerationMode

from tests.support.viewer_process import TIMEOUT_S, get

EXAMPLES = 12


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_endpoint_does_as_its_document_says(viewer, mode):
    get(viewer.url + "api/v1/parameters")
    schema = schemathesis.openapi.from_url(viewer.url + "api/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 14
    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            if case.method in ("POST", "PUT"):
                time.sleep(0.03)  # below the limit of orders per second
            case.call_and_validate(timeout=TIMEOUT_S)

        with contextlib.suppress(NoSuchExample):  # an endpoint without input has no wrong one
            check()


def answer_of(viewer, path, **options):
    response = httpx.request(options.pop("method", "GET"), viewer.url + path, timeout=TIMEOUT_S, **options)
    return response, response.json()


def test_detections_have_the_users_own_paths(viewer):
    for path in ("api/perception/detections", "api/v1/detections"):
        response, found = answer_of(viewer, path)
        assert response.status_code == 200
        assert [line["side"] for line in found["detections"]] == ["left", "right"]
        assert found["fresh"]


@pytest.mark.parametrize("path", ["api/perception/tracks", "api/timeline/predictions"])
def test_what_nobody_writes_is_said_with_the_program_to_start(viewer, path):
    response, found = answer_of(viewer, path)
    assert response.status_code == 200
    assert (found["frame_id"], found["fresh"]) == (None, False)
    assert "start `lkas`" in found["problem"]


def test_health_says_who_steers(viewer):
    _, found = answer_of(viewer, "api/v1/health")
    assert (found["mode"], found["state_reason"]) == ("lane_keeping", "both lines")
    assert found["broker"]["alive"]
    assert {process["name"] for process in found["health"]["processes"]} >= {"detection", "decision"}


def test_a_parameter_is_read_changed_and_reset(viewer):
    path = "api/v1/parameters/detection/canny_low"
    _, before = answer_of(viewer, path)
    response, done = answer_of(viewer, path, method="PUT", json={"value": 61})
    assert (response.status_code, done["applied"]) == (200, 61)
    response, problem = answer_of(viewer, path, method="PUT", json={"value": 1e9})
    assert response.status_code == 422
    assert "expected a number from 1 to 150" in problem["detail"]
    _, done = answer_of(viewer, f"{path}/reset", method="POST")
    assert done["applied"] == before["default"]
    response, problem = answer_of(viewer, "api/v1/parameters/detection/cany_low")
    assert response.status_code == 404
    assert "canny_low" in problem["detail"]


def test_an_action_is_carried_out_or_refused(viewer, broker):
    response, done = answer_of(viewer, "api/v1/actions", method="POST", json={"action": "pause"})
    assert (response.status_code, done["applied"]) == (200, True)
    assert broker.paused
    answer_of(viewer, "api/v1/actions", method="POST", json={"action": "resume"})
    response, problem = answer_of(viewer, "api/v1/actions", method="POST", json={"action": "fly"})
    assert response.status_code == 404
    assert "fly" in problem["detail"]
    response, _ = answer_of(viewer, "api/v1/actions", method="POST", content=b'{"action": "pause"}')
    assert response.status_code == 415


def test_events_are_numbered_and_asked_for_since_a_number(viewer, broker):
    _, before = answer_of(viewer, "api/v1/events")
    broker.event("mode", "info", "decision", "first")
    broker.event("mode", "info", "decision", "second")
    deadline_s = time.monotonic() + TIMEOUT_S
    texts = []
    while texts[-2:] != ["first", "second"]:
        assert time.monotonic() < deadline_s
        _, found = answer_of(viewer, f"api/v1/events?since={before['last']}")
        texts = [entry["event"]["text"] for entry in found["events"]]
    _, rest = answer_of(viewer, f"api/v1/events?since={found['last']}")
    assert rest["events"] == []


def test_events_come_as_a_stream_that_continues(viewer, broker):
    _, before = answer_of(viewer, "api/v1/events")
    broker.event("mode", "info", "decision", "in the stream")
    headers = {"Last-Event-ID": str(before["last"])}
    with httpx.stream("GET", viewer.url + "api/v1/events/stream", headers=headers, timeout=TIMEOUT_S) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        number = None
        for line in response.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("data: ") and json.loads(line[6:])["text"] == "in the stream":
                break
    assert number is not None
    assert number > before["last"]


def test_what_has_not_changed_is_not_sent_again(viewer):
    response, _ = answer_of(viewer, "api/v1/parameters")
    again = get(viewer.url + "api/v1/parameters", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "api/v1/nothing", 404), ("DELETE", "api/v1/events", 405)]
)
def test_what_is_no_endpoint_is_a_problem_too(viewer, method, path, status):
    response, problem = answer_of(viewer, path, method=method)
    assert (response.status_code, problem["status"]) == (status, status)
    assert path in problem["detail"]


def test_more_orders_than_a_person_gives_are_refused(viewer):
    path = viewer.url + "api/v1/parameters/detection/canny_low/reset?wait=0"
    with httpx.Client(timeout=TIMEOUT_S) as client, concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: client.post(path).status_code, range(300)))
    assert 429 in codes
    assert set(codes) <= {200, 202, 429, 503}


def test_metrics_are_read_by_the_parser_of_prometheus(viewer):
    from prometheus_client.parser import text_string_to_metric_families

    families = {family.name: family for family in text_string_to_metric_families(get(viewer.url + "metrics").text)}
    assert families["lkas_broker_up"].samples[0].value == 1
    assert families["lkas_mode"].samples[0].labels == {"mode": "lane_keeping"}
    assert {sample.labels["process"] for sample in families["lkas_process_rate_hertz"].samples} >= {"detection"}
    assert all(name.startswith("lkas_") for name in families)
