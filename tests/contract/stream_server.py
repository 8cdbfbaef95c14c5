"""A network camera for the tests: motion JPEG over HTTP, until its standard input ends.

`/endless` goes on, `/stalling` sends some exposures and no more, `/ending` closes the connection after some.
"""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

FIELDS = [np.random.default_rng(number).integers(0, 255, (256, 320, 3), np.uint8) for number in range(4)]
JPEGS = [cv2.imencode(".jpg", field)[1].tobytes() for field in FIELDS]
SOME = 60
PAUSE_S = 0.005


class Stream(BaseHTTPRequestHandler):
    """One reader."""

    def do_GET(self) -> None:
        """Send exposures as the path says."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        number = 0
        try:
            while self.path == "/endless" or number < SOME:
                jpeg = JPEGS[number % len(JPEGS)]
                head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                number += 1
                time.sleep(PAUSE_S)
            if self.path == "/stalling":
                time.sleep(60)
        except OSError:
            return  # the reader has gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
        """Say nothing."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Stream) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()
        server.shutdown()
