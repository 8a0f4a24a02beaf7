"""The reliable receiver: the pseudocode of spec/implementing.md, section 4."""
from __future__ import annotations

import base64
import json
import logging
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import List, Optional, Sequence

from .connection import Connection, Source, describe
from .errors import PayloadError, Permanent
from .keys import companion_keys
from .limits import MAX_RECEIVED_BYTES
from .receiver import Listeners, Receiver
from .scripts import EXCHANGE, EXTEND, RELEASE, Argument, Reply

MAX_BYTES = 1 << 20  # of the messages of a claim
FIRST_INDEX = 1001  # of the messages of a claim; here, each claim has one message
FAILED_TURN = 8  # one turn in eight prefers messages that have failed (REL-41)
SUSPECT = threading.Lock()  # held while this process may handle a suspect (REL-40)

log = logging.getLogger("remote_event")


@dataclass
class Report:
    """The reports of the next exchange: acknowledgements, nacks and ended claims."""

    acks: List[Argument] = field(default_factory=list)
    nacks: List[Argument] = field(default_factory=list)
    ended: List[Argument] = field(default_factory=list)

    def arguments(self) -> List[Argument]:
        """The first arguments of exchange, without a window of remembered events."""
        counts = len(self.acks) // 3, len(self.nacks) // 4, len(self.ended)
        return [0, 0, *counts, *self.acks, *self.nacks, *self.ended]


class ReliableReceiver(Receiver):
    """Consumes queues like a Receiver, and delivers at least once: a message is handled, or
    it becomes a dead letter that an operator can inspect. After a crash, a message may be
    handled twice (spec/reliable.md, section 1).

    `lease` is the time, in seconds, after which another process takes the messages of a
    process that has died. It is extended while a listener works.

    If a listener fails, its message is handled again, up to `max_attempts` attempts. The
    delay is a random time between half a bound and the bound, which begins at `retry_delay`
    seconds and doubles up to `max_retry_delay`. A message that ends processes is handled
    `max_suspect_attempts` times, after two attempts that do not count (REL-39). A malformed
    message becomes a dead letter at once. So does a message whose failing listeners all
    raise Permanent.
    """

    def __init__(
        self, redis: Source, listeners: Listeners, *, queues: Optional[Sequence[str]] = None, lease: float = 30.0,
        max_attempts: int = 25, max_suspect_attempts: int = 5, retry_delay: float = 1.0, max_retry_delay: float = 600.0,
    ) -> None:
        super().__init__(redis, listeners, queues=queues)
        if lease < 0.01 or max_attempts < 1 or max_suspect_attempts < 1 or retry_delay <= 0:
            raise ValueError("lease, retry_delay or a number of attempts is too small")
        for key in self._keys:
            companion_keys(key)  # checks the name
        self.lease, self.max_attempts, self.max_suspect_attempts = lease, max_attempts, max_suspect_attempts
        self.retry_delay, self.max_retry_delay = retry_delay, max(retry_delay, max_retry_delay)

    def _consume(self, queue: str, key: bytes, connection: Connection) -> None:
        consumer = _Consumer(self, queue, [key, *companion_keys(key)], connection)
        errors, turn = 0, 0
        while not self._stopping.is_set():
            turn += 1
            try:
                consumer.take(turn)
                errors = 0
            except Exception as error:  # the next call sends the report again, with a new claim
                errors = self._pause(queue, connection, error, errors)
        consumer.release()


class _Consumer:
    """Consumes one queue, one message at a time."""

    def __init__(self, receiver: ReliableReceiver, queue: str, keys: List[bytes], connection: Connection) -> None:
        self.receiver, self.queue, self.keys, self.connection = receiver, queue, keys, connection
        self.extending = Connection(receiver.redis)  # the other one is blocked by BLMOVE
        self.report = Report()
        self.sent = False  # whether Redis may have the report already

    def take(self, turn: int) -> None:
        """Sends the report, then claims and handles a message, or waits for one."""
        failed_turn = turn % FAILED_TURN == 0
        permitted = not (failed_turn and random.random() < 0.5)  # REL-45
        suspect = permitted and SUSPECT.acquire(blocking=False)
        try:
            reply = self.exchange(suspect, failed_turn)
            if suspect and not any(b"!" in failed.claim for failed in reply.failed):
                SUSPECT.release()
                suspect = False
            for body in reply.fresh:
                self.handle(reply.claim, body, 1)
                self.report.ended.append(reply.claim)
            for failed in reply.failed:
                self.handle(failed.claim, failed.body, failed.attempt)
        finally:
            if suspect:
                SUSPECT.release()
        if not reply.fresh and not reply.failed and reply.wait != 0:
            seconds = 1.0 if reply.wait < 0 else min(1.0, reply.wait / 1000)
            self.connection.call("BLMOVE", self.keys[0], self.keys[1], "RIGHT", "LEFT", "%.3f" % seconds)

    def exchange(self, suspect: bool, failed_turn: bool) -> Reply:
        """Sends the report, and claims a message."""
        token = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=")
        lease, attempts = int(self.receiver.lease * 1000), self.receiver.max_suspect_attempts
        claim: List[Argument] = [token, lease, 1, MAX_BYTES, MAX_RECEIVED_BYTES, attempts]
        arguments = [*self.report.arguments(), *claim, int(suspect), int(failed_turn)]
        sent_before, self.sent = self.sent, True
        reply = Reply(EXCHANGE.call(self.connection, self.keys, arguments))
        self.report, self.sent = Report(), False
        if reply.lost and not sent_before:
            log.warning("lease lost; message may be handled again: queue=%r", self.queue)
        for id in reply.died:
            log.error("message moved to dead letters: queue=%r id=%s", self.queue, id.decode())
        return reply

    def handle(self, claim: bytes, body: bytes, attempt: int) -> None:
        """Calls the listeners of a message while its lease is extended, and reports it."""
        lost, done = threading.Event(), threading.Event()
        extender = threading.Thread(target=self.extend, args=(claim, lost, done), name="lease of " + self.queue)
        extender.start()
        try:
            outcome = self.receiver._deliver(self.queue, body, attempt=attempt, lease_lost=lost)
        finally:
            done.set()
            extender.join()
        if outcome.malformed:
            self.nack(claim, -1, "malformed", ", ".join(outcome.malformed))
        elif outcome.failures:
            permanent = all(isinstance(failure, Permanent) for failure in outcome.failures)
            unfit = all(isinstance(failure, PayloadError) for failure in outcome.failures)
            delay = -1 if permanent or attempt >= self.receiver.max_attempts else self.delay(attempt)
            code = "schema" if unfit else "permanent" if permanent else "failed"
            error = ", ".join(type(failure).__name__ for failure in outcome.failures)  # a text may quote the payload (REL-27)
            self.nack(claim, delay, code, error)
        else:
            self.report.acks += [claim, FIRST_INDEX, FIRST_INDEX]

    def nack(self, claim: bytes, delay: int, code: str, error: str) -> None:
        """Reports a message that failed. A delay of -1 makes it a dead letter."""
        if delay < 0:
            log.error("message moved to dead letters: queue=%r claim=%s code=%s", self.queue, claim.decode(), code)
        self.report.nacks += [claim, FIRST_INDEX, delay, json.dumps({"code": code, "error": error})]

    def delay(self, attempt: int) -> int:
        """The time until the next attempt, in milliseconds (REL-21)."""
        bound = min(self.receiver.retry_delay * 2 ** min(attempt - 1, 63), self.receiver.max_retry_delay)
        return int(1000 * random.uniform(bound / 2, bound))

    def extend(self, claim: bytes, lost: threading.Event, done: threading.Event) -> None:
        """Extends a lease each third of it, and notices if it is lost (REL-16, REL-17)."""
        lease = self.receiver.lease
        end = time.monotonic() + lease
        while not done.wait(lease / 3):
            try:
                begin = time.monotonic()
                if EXTEND.call(self.extending, self.keys, [int(lease * 1000), claim]):
                    end = begin
                else:
                    end = begin + lease
            except Exception as error:
                log.warning("cannot extend lease; retrying: queue=%r error=%s", self.queue, describe(error))
            if time.monotonic() >= end and not lost.is_set():
                log.warning("lease lost: queue=%r claim=%s", self.queue, claim.decode())
                lost.set()

    def release(self) -> None:
        """Sends the report, and returns staged messages to the queue (REL-31)."""
        for _ in range(20):  # then give up: the lease expires
            try:
                EXCHANGE.call(self.connection, self.keys, self.report.arguments())
                self.report = Report()
                while RELEASE.call(self.connection, self.keys, [0])[0] > 0:
                    pass
                break
            except Exception as error:
                log.warning("cannot release; retrying: queue=%r error=%s", self.queue, describe(error))
                time.sleep(0.1)
        self.connection.close()
        self.extending.close()
