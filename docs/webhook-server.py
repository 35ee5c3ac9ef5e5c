#!/usr/bin/env python3
"""A webhook for dialhook that believes signed requests only. Start your own from it.

    WEBHOOK_SECRET=whsec_... ./webhook-server.py [PORT]     on 127.0.0.1; 8091 if none is given, 0: any free one

Nothing but Python's standard library. `route` is yours to change; the rest can stay.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections import OrderedDict
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

SECRETS = [base64.b64decode(text.removeprefix("whsec_")) for text in os.environ.get("WEBHOOK_SECRET", "").split()]
TOLERANCE = 5 * 60                      # seconds that clocks may be apart
LONGEST_BODY = 1024 * 1024


def route(call):
    """Where a call goes: the status and the answer. The answer is the text that dialhook's `variable` receives."""
    if call.get("caller_number") == "":
        return 200, "reception"         # withheld
    return 200, "sales" if call.get("callee_number", "").endswith("1") else "support"


def fault(headers, body, now):
    """Why a request is not to be believed; None if it is (Standard Webhooks 1.0)."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    message_id, timestamp, signatures = (headers.get(name, "") for name in names)
    if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20 and signatures):
        return "not signed"
    if abs(now - int(timestamp)) > TOLERANCE:
        return "too old, or the clocks differ"
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()) for secret in SECRETS]
    for signature in signatures.split():
        version, _, text = signature.partition(",")
        if version == "v1" and any(hmac.compare_digest(text.encode(), one) for one in expected):
            return None
    return "the signature does not fit"


class Answers:
    """What was answered to a message: the same message again gets the same answer, and is done once.

    Copies may come at once, when dialhook repeats a request or asks its next URL: one is worked on, the others wait for its answer.
    """

    def __init__(self, most=10_000):
        self.most, self.lock, self.known = most, Lock(), OrderedDict()

    def get(self, message_id, make):
        with self.lock:
            answer = self.known.get(message_id)
            if first := answer is None:
                answer = self.known[message_id] = Future()
            if len(self.known) > self.most:
                self.known.popitem(last=False)
        if first:                       # without the lock: it may take its time, and other messages do not wait
            try:
                answer.set_result(make())
            except Exception as broken:
                with self.lock:
                    self.known.pop(message_id, None)    # the next copy may try again
                answer.set_exception(broken)
        return answer.result()


ANSWERS = Answers()


class Webhook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"       # the connection stays open for the next call
    wbufsize = -1                       # head and body leave together

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            return self.refuse(400, "not a Content-Length")
        if len(length) > 9 or int(length) > LONGEST_BODY:
            return self.refuse(413, "too long")
        body = self.rfile.read(int(length))
        wrong = fault(self.headers, body, time.time())
        if wrong:
            return self.answer(401, wrong)
        try:
            call = json.loads(body) if body else {}
        except ValueError:
            return self.answer(400, "not JSON")
        self.answer(*ANSWERS.get(self.headers["webhook-id"], lambda: route(call)))

    def refuse(self, status, text):     # without reading the body: what follows cannot be told from it
        self.close_connection = True
        self.answer(status, text)

    def answer(self, status, text):
        print(self.command, self.path, self.headers.get("webhook-id"), "->", status, text, flush=True)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())

    def handle(self):
        try:
            super().handle()
        except ConnectionError:         # the caller hung up: nobody listens now
            pass

    def log_message(self, *_):          # answer() prints
        pass


if __name__ == "__main__":
    if not SECRETS:
        sys.exit('WEBHOOK_SECRET is empty; make one: export WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"')
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8091), Webhook)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
