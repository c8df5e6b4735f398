"""Read large arrays in the inbox, without a copy. Run it: python examples/sockets/share_arrays.py"""

from multiprocessing import Process

import numpy as np

from lkas.integration.shared_memory.sockets import Publisher, Subscriber


def show() -> None:
    with Subscriber("images", serializer="raw", copy=False) as images:
        image = images.recv()  # read-only, no copy; release it soon: `del image`
        print(image.shape, image.dtype, "mean", image.mean())


if __name__ == "__main__":
    reader = Process(target=show)
    reader.start()
    with Publisher("images", serializer="raw") as images:
        images.send(np.full((600, 800, 3), 128, np.uint8), timeout=10_000)  # the only copy
        reader.join()
