"""Images in one process: copies, loans, views, strides, and slots that run out."""

import math
import weakref

import numpy as np
import pytest

from lkas.integration.shared_memory import (
    ImageChannel,
    SHMBufferFullError,
    SHMError,
)

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}


def image_of(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def camera(opened):
    return opened(ImageChannel, create=True, width=30, height=20, slots=4), opened(ImageChannel)


def test_an_image_is_a_copy_that_belongs_to_the_reader(camera):
    writer, reader = camera
    image = image_of()
    assert writer.write(image, frame_id=1, timestamp=2.5, capture_ns=3, session=4)
    message = reader.read()
    assert np.array_equal(message.image, image)
    assert (message.frame_id, message.timestamp, message.capture_ns, message.session) == (1, 2.5, 3, 4)
    message.image[:] = 0
    assert np.array_equal(reader.latest().image, image)


def test_a_copy_is_reused_only_without_references(camera):
    writer, reader = camera
    known = []
    keep = [
        lambda image: image,
        lambda image: image[3:, ::2],
        lambda image: memoryview(image),
        lambda image: (weakref.ref(image), image.copy())[1],
    ]
    for number in range(40):
        writer.write(np.full((20, 30, 3), number, np.uint8))
        image = reader.read().image
        assert image.flags.writeable
        assert (image == number).all()
        if number % 3 == 0:
            known.append((number, keep[number % len(keep)](image)))
        elif number % 7 == 0:
            image.shape = (30, 20, 3)  # in place: the next frame needs another shape
        elif number % 5 == 0:
            image.flags.writeable = False
        del image
    for number, kept in known:
        assert (np.asarray(kept) == number).all()


def test_a_reader_that_releases_its_frames_gets_the_same_memory_again(camera):
    writer, reader = camera
    addresses = set()
    for number in range(20):
        writer.write(np.full((20, 30, 3), number, np.uint8))
        message = reader.read()  # while the previous one is still referenced, as in any loop
        addresses.add(message.image.ctypes.data)
    assert len(addresses) == 2
    watched = weakref.ref(message.image)
    del message
    writer.write(image_of())
    assert reader.read().image is not watched()


@pytest.mark.parametrize(
    "strided",
    [
        lambda: image_of()[:, :, ::-1],
        lambda: image_of()[::-1],
        lambda: image_of()[:, ::-1],
        lambda: image_of(40, 60)[::2, ::2],
        lambda: image_of(40, 30)[::2],
        lambda: image_of(20, 30, 4)[:, :, :3],
        lambda: image_of(20, 30, 4)[:, :, 2::-1],
        lambda: np.asfortranarray(image_of()),
        lambda: np.broadcast_to(np.uint8(7), (20, 30, 3)),
    ],
)
def test_strided_images_arrive_complete(camera, strided):
    writer, reader = camera
    writer.write(strided())
    assert np.array_equal(reader.read().image, strided())


@pytest.mark.parametrize(
    "shape", [(256, 1024, 1), (257, 341, 3), (255, 342, 3)], ids=["even", "odd height", "odd width"]
)
@pytest.mark.parametrize("skipped", [0, 1], ids=["aligned", "odd address"])
def test_images_of_odd_sizes_and_addresses_arrive_complete(opened, shape, skipped):
    size = math.prod(shape)
    memory = np.random.default_rng(7).integers(0, 256, size + skipped, np.uint8)
    image = memory[skipped:].reshape(shape)
    writer = opened(ImageChannel, "camera", create=True, height=shape[0], width=shape[1], channels=shape[2])
    reader = opened(ImageChannel, "camera")
    assert writer.write(image)
    np.testing.assert_array_equal(reader.read().image, image)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_numbers_of_channels(opened, channels):
    writer = opened(ImageChannel, create=True, width=30, height=20, channels=channels)
    reader = opened(ImageChannel)
    image = image_of(20, 30, channels)[:, ::-1]
    writer.write(image)
    assert np.array_equal(reader.read().image, image)
    assert reader.shape == (20, 30, channels)


@pytest.mark.parametrize(
    "wrong",
    [image_of(20, 31), image_of().astype(np.float32), image_of()[:, :, 0], image_of().view(np.int8), "text", None],
)
def test_wrong_image_is_a_value_error_that_names_both_shapes(camera, wrong):
    writer, reader = camera
    with pytest.raises(ValueError, match=r"\(20, 30, 3\)"):
        writer.write(wrong)
    assert reader.read() is None
    assert writer.write(image_of())


def test_loan_is_published_on_leaving_and_read_only_afterwards(camera):
    writer, reader = camera
    with writer.loan(frame_id=3, timestamp=1.5) as image:
        image[:] = 9
        assert reader.read() is None
    message = reader.read()
    assert (message.frame_id, message.timestamp) == (3, 1.5)
    assert (message.image == 9).all()
    with pytest.raises(ValueError, match="read-only"):
        image[:] = 1


def test_loan_that_raises_publishes_nothing(camera):
    writer, reader = camera
    writer.write(image_of(), frame_id=1)
    with pytest.raises(ZeroDivisionError), writer.loan(frame_id=2):
        raise ZeroDivisionError
    assert reader.read().frame_id == 1
    assert writer.write(image_of(), frame_id=3)
    assert reader.read().frame_id == 3


def test_one_loan_at_a_time(camera):
    writer, _ = camera
    with writer.loan():
        with pytest.raises(SHMError, match="on loan"):
            writer.write(image_of())
        with pytest.raises(SHMError, match="on loan"):
            writer.loan().__enter__()


def test_view_is_pinned_read_only_and_without_a_copy(camera):
    writer, reader = camera
    writer.write(np.full((20, 30, 3), 1, np.uint8), frame_id=1)
    with reader.view() as message:
        for value in range(2, 20):
            writer.write(np.full((20, 30, 3), value, np.uint8))
        assert (message.image == 1).all()
        assert message.frame_id == 1
        with pytest.raises(ValueError, match="read-only"):
            message.image[:] = 0
        with pytest.raises(ValueError, match=r"(?i)writeable"):
            message.image.flags.writeable = True
    with reader.view() as message:
        assert (message.image == 19).all()
    with reader.view() as message:
        assert message is None


def test_third_view_of_a_reader_names_the_limit(camera):
    writer, reader = camera
    writer.write(image_of())
    with reader.view():
        writer.write(image_of())
        with reader.view():
            writer.write(image_of())
            with pytest.raises(SHMError, match="already holds 2 views"):
                reader.view().__enter__()
    with reader.view() as message:
        assert message.sequence == 3


def test_without_a_free_slot_messages_are_dropped_and_counted(opened):
    writer = opened(ImageChannel, create=True, width=30, height=20, slots=3)
    reader = opened(ImageChannel)
    writer.write(image_of(), frame_id=1)
    with reader.view():
        writer.write(image_of(), frame_id=2)
        with reader.view():
            assert writer.write(image_of(), frame_id=3)
            assert not writer.write(image_of(), frame_id=4)
            with pytest.raises(SHMBufferFullError, match="none of the 3 slots is free"):
                writer.loan().__enter__()
            assert writer.stats.drops == 2
    assert reader.read().frame_id == 3
    assert writer.write(image_of(), frame_id=5)
    assert reader.read().sequence == 4


def test_arrays_outlive_their_channels(camera):
    writer, reader = camera
    image = image_of()
    writer.write(image)
    with reader.view() as message:
        kept = message.image[5:]
        reader.close()
        writer.close()
        assert np.array_equal(kept, image[5:])
    del message
    assert np.array_equal(kept, image[5:])


def test_frames_above_the_size_that_frees_the_gil(opened):
    writer = opened(ImageChannel, create=True, width=1600, height=1000, slots=2)
    reader = opened(ImageChannel)
    image = image_of(1000, 1600)
    assert writer.write(image)
    assert np.array_equal(reader.read().image, image)
