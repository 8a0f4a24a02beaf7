"""An application with an event of its own, and with the probe."""
import sys

import redis_bundle
import remote_event_bundle
from applauncher.kernel import Environments, Kernel
from remote_event_probe import RemoteEventProbeBundle

out = sys.stdout  # the kernel turns sys.stdout into a logger


def say(line):
    out.write(line + "\n")
    out.flush()


class OwnEvent(remote_event_bundle.RemoteEvent):
    event_name = "new_file_event"


def listener(event):
    say("heard " + event.path)


class OwnBundle:
    event_listeners = [(OwnEvent, listener)]


bundles = [redis_bundle.RedisBundle(), remote_event_bundle.RemoteEventBundle(), OwnBundle(), RemoteEventProbeBundle()]
with Kernel(Environments.PRODUCTION, bundles) as kernel:
    say("ready")
    kernel.wait()
