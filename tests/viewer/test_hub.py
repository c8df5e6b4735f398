import asyncio

from viewer.hub import MAX_EVENTS, Hub, Outbox
from viewer.wire import MAX_CREDIT, PageFrame


def frame(frame_id: int) -> PageFrame:
    return PageFrame(session=1, frame_id=frame_id, timestamp=0.0, jpeg=b"", packet=b"")


async def drained(outbox: Outbox) -> list:
    """Take every item that waits now."""
    items = []
    while True:
        try:
            items.append(await asyncio.wait_for(outbox.next(), 0.01))
        except TimeoutError:
            return items


def test_a_viewer_that_does_not_read_gets_only_the_newest():
    async def scenario():
        hub, outbox = Hub(4), Outbox(credit=1)
        with hub.subscribed(outbox):
            for i in range(1000):
                hub.publish_frame(frame(i))
                hub.publish_topic("state", f"state {i}")
        assert await drained(outbox) == ["state 999", frame(999)]
        assert outbox.frames_replaced == 999

    asyncio.run(scenario())


def test_frames_wait_for_credit_and_telemetry_does_not():
    async def scenario():
        outbox = Outbox()
        outbox.offer_frame(frame(1))
        outbox.offer_topic("state", "state")
        assert await drained(outbox) == ["state"]
        outbox.grant(1)
        assert await drained(outbox) == [frame(1)]
        outbox.offer_frame(frame(2))
        assert await drained(outbox) == []

    asyncio.run(scenario())


def test_credit_is_limited():
    async def scenario():
        outbox = Outbox()
        for _ in range(100):
            outbox.grant(MAX_CREDIT)
        sent = 0
        for i in range(100):
            outbox.offer_frame(frame(i))
            sent += len(await drained(outbox)) if i < 6 else 0
        assert sent == MAX_CREDIT

    asyncio.run(scenario())


def test_events_and_acks_arrive_in_order_up_to_a_limit():
    async def scenario():
        hub, outbox = Hub(4), Outbox()
        with hub.subscribed(outbox):
            for i in range(10):
                hub.publish_event(f"event {i}")
            assert await drained(outbox) == [f"event {i}" for i in range(10)]
            for i in range(10 * MAX_EVENTS):
                hub.publish_event(f"event {i}")
            assert len(await drained(outbox)) < 3 * MAX_EVENTS

    asyncio.run(scenario())


def test_a_new_viewer_gets_the_events_and_the_parameters():
    async def scenario():
        hub = Hub(4)
        hub.publish_topic("parameters", "old table", stays_valid=True)
        hub.publish_topic("parameters", "table", stays_valid=True)
        hub.publish_event("event")
        with hub.subscribed(Outbox()) as outbox:
            assert await drained(outbox) == ["event", "table"]

    asyncio.run(scenario())


def test_a_new_viewer_gets_no_old_telemetry(monkeypatch):
    async def scenario():
        hub = Hub(4)
        hub.publish_topic("state", "state")
        with monkeypatch.context() as patch:
            now = __import__("time").monotonic()
            patch.setattr("viewer.hub.time.monotonic", lambda: now + 10)
            with hub.subscribed(Outbox()) as outbox:
                pass
        assert await drained(outbox) == []

    asyncio.run(scenario())


def test_the_callback_reports_the_first_and_the_last_viewer():
    hub, reports = Hub(4), []
    hub.set_viewers_callback(reports.append)

    async def scenario():
        with hub.subscribed(Outbox()):
            with hub.subscribed(Outbox()):
                pass
            assert reports == [True]

    asyncio.run(scenario())
    assert reports == [True, False]


def test_closing_ends_every_viewer_also_one_that_joins_later():
    async def scenario():
        hub = Hub(4)
        with hub.subscribed(Outbox()) as outbox:
            waiting = asyncio.create_task(outbox.next())
            await asyncio.sleep(0)
            hub.close()
            assert await asyncio.wait_for(waiting, 1) is None
        with hub.subscribed(Outbox()) as late:
            assert await asyncio.wait_for(late.next(), 1) is None

    asyncio.run(scenario())
