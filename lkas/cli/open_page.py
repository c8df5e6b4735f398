"""Opens the web page in a browser."""

import os
import socket
import sys
import threading
import time
import webbrowser

ATTEMPTS, PERIOD_S = 100, 0.2


def open_page_when_served(url: str, host: str, port: int) -> None:
    """Open a browser window as soon as the page accepts connections. Does nothing on a machine without a display."""
    if sys.platform == "linux" and not ({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)):
        return

    def wait_and_open() -> None:
        for _ in range(ATTEMPTS):
            try:
                socket.create_connection((host, port), timeout=1).close()
            except OSError:
                time.sleep(PERIOD_S)
            else:
                webbrowser.open(url)
                return

    threading.Thread(target=wait_and_open, daemon=True).start()
