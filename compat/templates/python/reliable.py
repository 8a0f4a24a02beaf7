"""A reliable receiver, beside implementation.py: spec/reliable.md with the scripts
of spec/lua. It follows the pseudocode of spec/implementing.md, and handles one
message at a time."""
import base64
import binascii
import hashlib
import itertools
import json
import pathlib
import random
import secrets
import sys
import threading
import time

import redis

from implementation import MOST_RECEIVED, Receiver, connect

LUA = pathlib.Path(__file__).resolve().parents[3] / "spec" / "lua"
KINDS = ["staging", "bodies", "claims", "retries", "suspects", "dead", "attempts", "reasons", "seen"]
MOST_BYTES, LAST_DELAY = 1 << 20, 600_000  # bytes in a claim, milliseconds until a retry
FIRST_INDEX = 1001
SUSPECT = threading.Lock()  # held while this process may handle a suspect, REL-40


def is_reserved(queue):
    return queue.startswith(b"remote-event:v1:")


def own_tag(key):
    """The text that Redis hashes in place of the key, or nothing."""
    _, opened, rest = key.partition(b"{")
    text, closed, _ = rest.partition(b"}")
    return text if opened and closed else b""


def tag(queue):
    """REL-4."""
    if own_tag(queue):
        return own_tag(queue)
    if queue and b"}" not in queue:
        return queue
    wanted = slot(queue)
    return next(n for n in map(b"%d".__mod__, itertools.count()) if slot(n) == wanted)


def slot(key):
    """The slot of a key in a cluster."""
    return binascii.crc_hqx(own_tag(key) or key, 0) % 16384


def keys(queue):
    """REL-8 and REL-3."""
    return [queue] + [b"remote-event:v1:{%s}:%s:%s" % (tag(queue), kind.encode(), queue) for kind in KINDS]


def call(client, script, names, *arguments):
    text = (LUA / (script + ".lua")).read_bytes()
    try:
        return client.evalsha(hashlib.sha1(text).hexdigest(), len(names), *names, *arguments)
    except redis.exceptions.NoScriptError:
        return client.eval(text, len(names), *names, *arguments)


class Report:
    """What the next exchange has to report."""

    def __init__(self):
        self.acks, self.nacks, self.ended = [], [], []

    def arguments(self):
        counts = len(self.acks) // 3, len(self.nacks) // 4, len(self.ended)
        return [0, 0, *counts, *self.acks, *self.nacks, *self.ended]


class Permanent(Exception):
    """A listener raises it if no other attempt will succeed."""


class ReliableReceiver(Receiver):
    """The times are in milliseconds. retry_ms is the longest delay of the first retry.
    A message is dead after max_attempts, also one that kills processes."""

    def __init__(self, url, queues, signals, heard, lease_ms=30_000, max_attempts=25, retry_ms=1_000):
        if any(is_reserved(queue.encode("utf-8")) for queue in queues):
            raise ValueError("the names of companion keys name no queue")
        self.lease, self.attempts, self.retry = lease_ms, max_attempts, retry_ms
        super().__init__(url, queues, signals, heard)

    def consume(self, queue):
        names = keys(queue.encode("utf-8"))
        client, report, errors, turn = connect(self.url), Report(), 0, 0
        while not self.stopped.is_set():
            turn += 1
            failed_first = turn % 8 == 0
            suspect = not (failed_first and random.random() < 0.5) and SUSPECT.acquire(blocking=False)
            try:
                token = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=")
                reply = call(client, "exchange", names, *report.arguments(), token, self.lease, 1, MOST_BYTES,
                             MOST_RECEIVED, self.attempts, int(suspect), int(failed_first))
                errors, report = 0, Report()
                wait, claim, fresh, failed, died, *_ = reply + [[]] * 4
                for id, reason in zip(died[::2], died[1::2]):
                    print("queue %r: message %s is dead: %s" % (queue, id, reason), file=sys.stderr)
                if suspect and not any(b"!" in claim for claim in failed[::5]):
                    SUSPECT.release()
                    suspect = False
                for body in fresh:
                    self.handle(queue, client, names, claim, body, 1, report)
                    report.ended.append(claim)
                for claim, deliveries, pardoned, _, body in zip(*[iter(failed)] * 5):
                    self.handle(queue, client, names, claim, body, deliveries - pardoned, report)
                if not fresh and not failed and wait != 0:
                    seconds = 1 if wait < 0 else min(1, wait / 1000)
                    client.execute_command("BLMOVE", names[0], names[1], "RIGHT", "LEFT", "%.3f" % seconds)
            except redis.RedisError as error:  # the report is sent again, with a new claim
                errors = self.pause(queue, error, errors)
            finally:
                if suspect:
                    SUSPECT.release()
        self.release(queue, client, names, report)

    def handle(self, queue, client, names, claim, body, attempt, report):
        done = threading.Event()
        heartbeat = threading.Thread(target=self.extend, args=(queue, client, names, claim, done))
        heartbeat.start()
        malformed, failures = self.deliver(queue, body)
        done.set()
        heartbeat.join()
        if malformed:
            report.nacks += [claim, FIRST_INDEX, -1, json.dumps({"code": "malformed", "error": malformed})]
        elif failures:
            permanent = all(isinstance(failure, Permanent) for failure in failures)
            bound = max(self.retry, min(self.retry * 2 ** (attempt - 1), LAST_DELAY))
            delay = -1 if permanent or attempt >= self.attempts else random.randint(bound // 2, bound)
            reason = {"code": "permanent" if permanent else "failed", "error": type(failures[0]).__name__}
            report.nacks += [claim, FIRST_INDEX, delay, json.dumps(reason)]
        else:
            report.acks += [claim, FIRST_INDEX, FIRST_INDEX]

    def extend(self, queue, client, names, claim, done):
        while not done.wait(self.lease / 3000):
            try:
                if call(client, "extend", names, self.lease, claim):
                    print("queue %r: lease lost" % queue, file=sys.stderr)
            except redis.RedisError as error:
                print("queue %r: cannot extend a lease: %s" % (queue, error), file=sys.stderr)

    def release(self, queue, client, names, report):
        """Reports what was handled, and returns staged messages."""
        for _ in range(20):  # afterwards the lease expires
            try:
                call(client, "exchange", names, *report.arguments())
                report = Report()
                while call(client, "release", names, 0)[0] > 0:
                    pass
                return
            except redis.RedisError as error:
                print("queue %r: %s" % (queue, error), file=sys.stderr)
                time.sleep(0.1)
