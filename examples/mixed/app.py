"""The original: sends a new_file_event for each path that it is given, and
handles new files until it is interrupted. With --probe it can be tested while it
runs."""
import sys

import inject
import redis_bundle
import remote_event_bundle
from applauncher.kernel import Environments, EventManager, Kernel

out = sys.stdout  # the kernel turns sys.stdout into a logger


def say(line):
    out.write(line + "\n")  # in one piece: listeners run in threads of their own
    out.flush()


class NewFileEvent(remote_event_bundle.RemoteEvent):
    event_name = "new_file_event"

    def __init__(self, path):
        self.path = path


def listener(event):
    # A local listener also hears what this process sends, before Redis has it.
    if hasattr(event, "_propagated"):
        say(f"python handled {event.path}")


class AppBundle:
    event_listeners = [(NewFileEvent, listener)]


if __name__ == "__main__":
    bundles = [redis_bundle.RedisBundle(), remote_event_bundle.RemoteEventBundle(), AppBundle()]
    if "--probe" in sys.argv:
        sys.path.append("../../compat/probe")
        from remote_event_probe import RemoteEventProbeBundle

        bundles.append(RemoteEventProbeBundle())
    with Kernel(Environments.PRODUCTION, bundles) as kernel:
        for path in (word for word in sys.argv[1:] if word != "--probe"):
            inject.instance(EventManager).dispatch(NewFileEvent(path))
            say(f"python sent {path}")
        say("python is ready")
        kernel.wait()
