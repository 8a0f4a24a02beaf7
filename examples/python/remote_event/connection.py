"""A connection to Redis that repeats no command."""
from __future__ import annotations

from typing import Any, Union

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

Source = Union[str, redis.Redis]
CONNECT_TIMEOUT, TIMEOUT = 5, 10  # seconds
WAITING_TIMEOUT = 31  # for a connection with commands that block for up to a second


class Unreachable(redis.ConnectionError):
    """No connection was made, so nothing was sent."""


class Connection:
    """A connection with the address and the credentials of a URL or a client.

    It connects when a command needs it. A command whose reply is lost is not repeated
    (SEND-5, REL-11). `timeout` is how long it waits for a reply, in seconds. It is for one
    thread at a time.
    """

    def __init__(self, source: Source, timeout: float = TIMEOUT) -> None:
        try:
            pool: Any = (redis.Redis.from_url(source) if isinstance(source, str) else source).connection_pool
        except ValueError:  # which may quote the password
            raise ValueError("the URL of Redis is not valid") from None
        self._connection = pool.connection_class(**{
            **pool.connection_kwargs, "decode_responses": False, "retry": Retry(NoBackoff(), 0),
            "retry_on_timeout": False, "socket_connect_timeout": CONNECT_TIMEOUT, "socket_timeout": timeout,
        })

    def call(self, *command: Union[bytes, str, int]) -> Any:
        """Returns the reply: bytes, an int, None or a list. Raises Unreachable if nothing
        was sent, redis.ResponseError for an error that Redis replied, and another
        redis.RedisError if the outcome is unknown."""
        try:
            self._connect()
        except (redis.RedisError, OSError) as error:
            self.close()
            raise Unreachable(describe(error)) from None
        try:
            self._connection.send_command(*command)
            return self._connection.read_response()
        except redis.exceptions.ReadOnlyError:  # another connection may reach the new primary
            self.close()
            raise
        except redis.ResponseError:
            raise
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        try:
            self._connection.connect()
            stale = self._connection.can_read()  # true if Redis has ended the idle connection
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            stale = True
        if stale:
            self.close()
            self._connection.connect()

    def close(self) -> None:
        """Ends the connection. The next command connects again."""
        self._connection.disconnect()


def describe(error: BaseException) -> str:
    """The kind of an error, and the address of a connection. The text of an error that
    Redis replies may quote a command, and therefore a payload (SEC-1)."""
    code = str(error).partition(" ")[0]
    if isinstance(error, redis.ResponseError):
        return code if type(error) is redis.ResponseError and code.isupper() else type(error).__name__
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return "%s: %s" % (type(error).__name__, error)
    return type(error).__name__
