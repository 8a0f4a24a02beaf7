"""The original: sends a new_file_event for each path that it is given, and
handles new files until it is interrupted."""
import sys

import inject
import redis_bundle
import remote_event_bundle
from applauncher.kernel import Environments, EventManager, Kernel

out = sys.stdout  # the kernel turns sys.stdout into a logger


class NewFileEvent(remote_event_bundle.RemoteEvent):
    event_name = "new_file_event"

    def __init__(self, path):
        self.path = path


def listener(event):
    # A local listener also hears what this process sends, before Redis has it.
    if hasattr(event, "_propagated"):
        print("python handled", event.path, file=out, flush=True)


class AppBundle:
    event_listeners = [(NewFileEvent, listener)]


if __name__ == "__main__":
    bundles = [redis_bundle.RedisBundle(), remote_event_bundle.RemoteEventBundle(), AppBundle()]
    with Kernel(Environments.PRODUCTION, bundles) as kernel:
        for path in sys.argv[1:]:
            inject.instance(EventManager).dispatch(NewFileEvent(path))
            print("python sent", path, file=out, flush=True)
        print("python is ready", file=out, flush=True)
        kernel.wait()
