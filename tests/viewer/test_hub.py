import asyncio

from viewer.hub import EVENTS_KEPT, Hub, Outbox
from viewer.wire import MAX_CREDIT, Frame


def frame(frame_id: int) -> Frame:
    return Frame(session=1, frame_id=frame_id, timestamp=0.0, jpeg=b"", packet=b"")


async def drained(outbox: Outbox) -> list:
    """Everything that is waiting now."""
    items = []
    while True:
        try:
            items.append(await asyncio.wait_for(outbox.next(), 0.01))
        except TimeoutError:
            return items


def test_a_viewer_that_does_not_read_finds_only_the_newest():
    async def scenario():
        hub, outbox = Hub(4), Outbox(credit=1)
        with hub.joined(outbox):
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


def test_credit_does_not_pile_up():
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


def test_events_and_acks_all_arrive_in_order_up_to_a_bound():
    async def scenario():
        hub, outbox = Hub(4), Outbox()
        with hub.joined(outbox):
            for i in range(10):
                hub.publish_event(f"event {i}")
            assert await drained(outbox) == [f"event {i}" for i in range(10)]
            for i in range(10 * EVENTS_KEPT):
                hub.publish_event(f"event {i}")
            assert len(await drained(outbox)) < 3 * EVENTS_KEPT

    asyncio.run(scenario())


def test_a_newcomer_gets_what_still_holds():
    async def scenario():
        hub = Hub(4)
        hub.publish_topic("parameters", "old table", lasting=True)
        hub.publish_topic("parameters", "table", lasting=True)
        hub.publish_event("event")
        with hub.joined(Outbox()) as outbox:
            assert await drained(outbox) == ["event", "table"]

    asyncio.run(scenario())


def test_old_telemetry_is_not_shown_to_a_newcomer(monkeypatch):
    async def scenario():
        hub = Hub(4)
        hub.publish_topic("state", "state")
        with monkeypatch.context() as patch:
            now = __import__("time").monotonic()
            patch.setattr("viewer.hub.time.monotonic", lambda: now + 10)
            with hub.joined(Outbox()) as outbox:
                pass
        assert await drained(outbox) == []

    asyncio.run(scenario())


def test_watching_is_reported_for_the_first_and_the_last():
    hub, watched = Hub(4), []
    hub.on_watched(watched.append)

    async def scenario():
        with hub.joined(Outbox()):
            with hub.joined(Outbox()):
                pass
            assert watched == [True]

    asyncio.run(scenario())
    assert watched == [True, False]


def test_closing_wakes_everybody_also_those_who_come_late():
    async def scenario():
        hub = Hub(4)
        with hub.joined(Outbox()) as outbox:
            waiting = asyncio.create_task(outbox.next())
            await asyncio.sleep(0)
            hub.close()
            assert await asyncio.wait_for(waiting, 1) is None
        with hub.joined(Outbox()) as late:
            assert await asyncio.wait_for(late.next(), 1) is None

    asyncio.run(scenario())
