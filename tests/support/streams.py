"""Servers of camera streams on loopback: MJPEG over HTTP, RTP/JPEG over RTSP (RFC 2435), MPEG-TS over UDP.

Each sends image n of `files.image` at RATE_HZ until it is closed, and can be opened again on its port.
"""

import contextlib
import itertools
import socket
import socketserver
import struct
import threading
import time

import cv2

from tests.simulation.video.files import HEIGHT_PX, WIDTH_PX, image

RATE_HZ = 25.0
IMAGES = 8  # then from the start


def jpegs():
    """Yield the JPEG of one image after the other, without end, at RATE_HZ."""
    encoded = [cv2.imencode(".jpg", image(n))[1].tobytes() for n in range(IMAGES)]
    for jpeg in itertools.cycle(encoded):
        yield jpeg
        time.sleep(1 / RATE_HZ)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    silent = False  # connected, and sends nothing more

    def __init__(self, handler, port=0):
        super().__init__(("127.0.0.1", port), handler)
        self.port = self.server_address[1]
        self._connections = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def finish_request(self, request, client_address):
        self._connections.append(request)
        with contextlib.suppress(OSError):
            super().finish_request(request, client_address)

    def close(self):
        """Close the port and every connection."""
        self.shutdown()
        self.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def images(self):
        for jpeg in jpegs():
            while self.silent:
                time.sleep(0.02)
            yield jpeg


class _Mjpeg(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=image\r\n\r\n")
        for jpeg in self.server.images():
            head = f"--image\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")


class _Rtsp(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            request = self._request()
            if request is None:
                return
            method, number = request
            head = {
                "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
                "DESCRIBE": "Content-Type: application/sdp\r\n",
                "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
            }.get(method, "Session: 1\r\n")
            body = ""
            if method == "DESCRIBE":
                body = (
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=road\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
                    f"a=framerate:{RATE_HZ:g}\r\na=control:track0\r\n"
                )
                head += f"Content-Length: {len(body)}\r\n"
            self.wfile.write(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{head}\r\n{body}".encode())
            if method == "PLAY":
                self._play()

    def _request(self):
        lines = list(iter(lambda: self.rfile.readline().strip(), b""))
        if not lines:
            return None
        number = next(line.split(b":")[1].strip() for line in lines if line.lower().startswith(b"cseq"))
        return lines[0].split()[0].decode(), number.decode()

    def _play(self):
        sequence = 0
        for count, jpeg in enumerate(self.server.images()):
            for offset, payload, is_last in _packets(jpeg):
                rtp = struct.pack(
                    ">BBHII", 0x80, 26 | is_last << 7, sequence & 0xFFFF, int(count * 90_000 / RATE_HZ), 7
                )
                head = struct.pack(">I", offset) + bytes([1, 255, WIDTH_PX // 8, HEIGHT_PX // 8])
                packet = rtp + head + payload
                self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                sequence += 1


def _packets(jpeg):
    """Yield (offset, payload, is_last) of a 4:2:0 JPEG; the first payload carries its quantization tables."""
    tables, position = b"", 2
    while jpeg[position + 1] != 0xDA:
        length = struct.unpack_from(">H", jpeg, position + 2)[0]
        if jpeg[position + 1] == 0xDB:
            segment = jpeg[position + 4 : position + 2 + length]
            tables += b"".join(segment[start + 1 : start + 65] for start in range(0, len(segment), 65))
        position += 2 + length
    scan = jpeg[position + 2 + struct.unpack_from(">H", jpeg, position + 2)[0] : -2]
    for offset in range(0, len(scan), 1200):
        part = scan[offset : offset + 1200]
        first = struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
        yield offset, first + part, offset + 1200 >= len(scan)


class MjpegServer(_Server):
    def __init__(self, port=0):
        super().__init__(_Mjpeg, port)
        self.address = f"http://127.0.0.1:{self.port}/stream.mjpg"


class RtspServer(_Server):
    def __init__(self, port=0):
        super().__init__(_Rtsp, port)
        self.address = f"rtsp://user:secret@127.0.0.1:{self.port}/road"


class UdpSender:
    """Sends a transport stream to a port again and again."""

    def __init__(self, folder, port):
        path = folder / "road.ts"
        writer = cv2.VideoWriter(
            str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MPG2"), RATE_HZ, (WIDTH_PX, HEIGHT_PX)
        )
        for n in range(4 * IMAGES):
            writer.write(image(n % IMAGES))
        writer.release()
        self._data = path.read_bytes()
        assert self._data[:1] == b"G"
        self.address = f"udp://127.0.0.1:{port}"
        self._port = port
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self):
        step = 7 * 188
        pause_s = 4 * IMAGES / RATE_HZ / max(1, len(self._data) // step)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not self._closing.is_set():
                for start in range(0, len(self._data), step):
                    sender.sendto(self._data[start : start + step], ("127.0.0.1", self._port))
                    time.sleep(pause_s)

    def close(self):
        self._closing.set()
        self._thread.join(30)
