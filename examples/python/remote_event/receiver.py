"""The plain receiver: the pseudocode of spec/implementing.md, section 3."""
from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field, replace
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, Union

from .connection import WAITING_TIMEOUT, Connection, Source, describe
from .errors import Malformed
from .event import Event
from .judge import BASE_SIGNALS
from .message import decode

Listener = Callable[[Event], object]
Listeners = Mapping[str, Union[Listener, Sequence[Listener]]]

log = logging.getLogger("remote_event")


@dataclass
class Outcome:
    """The outcome of a message: the requirements that make it malformed, or the failures of
    its listeners."""

    malformed: Tuple[str, ...] = ()
    failures: List[BaseException] = field(default_factory=list)


class Receiver:
    """Consumes queues, and calls listeners. Delivery is at most once: a crash loses the
    message that is being handled.

    `redis` is a URL, or a client whose address and credentials are used. `listeners` has a
    listener, or several in their order, for each signal. By default, `queues` are the
    signals of `listeners`, except "remote_event" and "event".

    Each queue has its own thread and connection. Its messages are handled one after
    another, in their order (RECV-11). A listener that fails, a malformed message and an
    error of Redis are logged, and the receiver continues (RECV-5, RECV-6).
    """

    def __init__(self, redis: Source, listeners: Listeners, *, queues: Optional[Sequence[str]] = None) -> None:
        if queues is None:
            queues = [signal for signal in listeners if signal not in BASE_SIGNALS]
        if not queues:
            raise ValueError("a receiver needs a queue")
        self.redis = redis
        self.queues = tuple(dict.fromkeys(queues))
        self.listeners = {
            signal: [found] if callable(found) else list(found)
            for signal, found in listeners.items() if not signal.startswith("kernel.")  # DISP-3
        }
        self._keys = [queue.encode("utf-8") for queue in self.queues]
        self._connections = [Connection(redis, WAITING_TIMEOUT) for _ in self.queues]
        self._stopping = threading.Event()
        self._threads: List[threading.Thread] = []

    def start(self) -> None:
        """Starts to receive, once, and returns. Redis need not be reachable yet."""
        for queue, key, connection in zip(self.queues, self._keys, self._connections):
            thread = threading.Thread(target=self._consume, args=(queue, key, connection), name="queue " + queue)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stops, and returns when the listeners have returned and no taken message is left
        (RECV-12). It takes about a second if no message is being handled. A listener that
        calls it does not wait for itself."""
        self._stopping.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def run(self) -> None:
        """Receives until KeyboardInterrupt, or until another thread calls `stop`, and returns
        when the receiver has stopped."""
        with self:
            try:
                self._stopping.wait()
            except KeyboardInterrupt:
                log.info("stopping")

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _consume(self, queue: str, key: bytes, connection: Connection) -> None:
        errors = 0
        while not self._stopping.is_set():
            try:
                taken: Any = connection.call("BRPOP", key, 1)
            except Exception as error:
                errors = self._pause(queue, connection, error, errors)
                continue
            errors = 0
            if taken:
                self._deliver(queue, taken[1])
        connection.close()

    def _pause(self, queue: str, connection: Connection, error: Exception, errors: int) -> int:
        """Waits after an error of Redis, longer after each, and returns their number. Another
        connection may reach another server, which is no replica."""
        connection.close()
        log.warning("cannot receive; retrying: queue=%r error=%s", queue, describe(error))
        self._stopping.wait(0.025 + random.uniform(0, min(0.05 * 2 ** min(errors, 10), 5)))
        return errors + 1

    def _deliver(self, queue: str, message: bytes, **delivery: Any) -> Outcome:
        """Calls the listeners of a message."""
        try:
            event = replace(decode(message), **delivery)
        except Malformed as error:
            log.error("malformed message: queue=%r bytes=%d requirements=%s", queue, len(message), ",".join(error.requirements))
            return Outcome(malformed=error.requirements)
        outcome = Outcome()
        for signal in dict.fromkeys(event.signals):  # DISP-2
            for listener in self.listeners.get(signal, ()):
                try:
                    listener(event)
                except BaseException as error:  # SystemExit, too; its text may quote the payload
                    log.error("listener failed: queue=%r signal=%r error=%s", queue, signal, type(error).__name__)
                    outcome.failures.append(error)
        return outcome
