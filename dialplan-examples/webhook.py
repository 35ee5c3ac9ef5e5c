#!/usr/bin/env python3
"""The webhook server that the dialplan examples ask. Start your own from it.

    ./webhook.py [PORT]    on 127.0.0.1; port 8090 if none is given, 0 for any free one

Each function below serves one path. It takes the data of the call from the request
and returns an HTTP status and the answer. The server prints each request in one line.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

NAMES = {"100200": "Ada Lovelace", "100300": "Zoë Müller"}


def route(call):
    """Returns the destination of the call, by the last digit of the called number."""
    digit = call.get("to", call.get("callee_number", ""))[-1:]
    if digit == "7":                    # slow: a hook with a timeout of 2 s gets TIMEOUT
        time.sleep(4)
    if digit == "8":                    # out of order: HTTP_ERROR
        return 503, "out of order"
    words = {"1": "sales", "2": "support", "7": "support", "9": "lunch"}
    return 200, words.get(digit, "reception")   # "lunch": BAD_ANSWER if the hook has answers


def name(call):
    """Returns the caller's name, by the caller's number; nothing if it is unknown."""
    return 200, NAMES.get(call.get("number", call.get("caller_number", "")), "")


def both(call):
    """Returns both, and more, in one answer."""
    status, queue = route(call)
    return status, json.dumps({"queue": queue, "name": name(call)[1], "visits": 3})


def notify(call):
    """Takes the notification and answers nothing."""
    return 204, ""


PATHS = {"/route": route, "/name": name, "/json": both, "/notify": notify}


class Webhook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"       # the connection stays open for the next call
    wbufsize = -1                       # head and body leave together

    def do_GET(self):
        self.answer(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, call):
        path = PATHS.get(urlsplit(self.path).path)
        status, text = path(call) if path else (404, "no such path")
        print(self.command, self.path, json.dumps(call), "->", status, json.dumps(text), flush=True)
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def handle(self):
        try:
            super().handle()
        except ConnectionError:         # the caller hung up or the timeout was over
            pass

    def log_message(self, *_):          # answer() prints
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Webhook)
    except OSError as error:
        sys.exit(f"webhook.py: 127.0.0.1:{port}: {error.strerror}; is it running already?")
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
