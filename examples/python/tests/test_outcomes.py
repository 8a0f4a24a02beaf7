"""The outcomes that a sender reports if Redis denies an event or ends the connection (SEND-6)."""
from __future__ import annotations

import socket
import threading
import unittest

from remote_event import Event, NotStored, OutcomeUnknown, Sender


class Server:
    """A server that answers each LPUSH with these bytes, or by ending the connection."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.pushes = list(answers), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "redis://127.0.0.1:%d/0?protocol=2" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while self.answers:
            connection, _ = self.listener.accept()
            with connection:
                while received := connection.recv(65536):
                    if b"LPUSH" not in received:
                        connection.sendall(b"+OK\r\n" * sum(line.startswith(b"*") for line in received.split(b"\r\n")))
                        continue
                    self.pushes += 1
                    answer = self.answers.pop(0)
                    if not answer:
                        break
                    connection.sendall(answer)
        self.listener.close()


class Outcomes(unittest.TestCase):
    def test_outcomes(self) -> None:
        server = Server(b":1\r\n", b"-OOM {\"secret\": 1}\r\n", b"", b":1\r\n", b"")
        with Sender(server.url) as sender:
            self.assertIsInstance(sender.send("e", {}), Event)
            with self.assertRaises(NotStored) as denied:
                sender.send("e", {"secret": 1})
            self.assertNotIn("secret", str(denied.exception))
            with self.assertRaises(OutcomeUnknown) as unknown:
                sender.send("e", {})
            self.assertEqual(sender.forward(unknown.exception.event), unknown.exception.event)  # over another connection
            self.assertRaises(OutcomeUnknown, sender.send, "e", {})
        server.thread.join()
        self.assertEqual(server.pushes, 5)  # no push was repeated


if __name__ == "__main__":
    unittest.main()
