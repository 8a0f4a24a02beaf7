"""An original that sends one file_event."""
import inject
import redis_bundle
import remote_event_bundle
from applauncher.kernel import Environments, EventManager, Kernel


class FileEvent(remote_event_bundle.RemoteEvent):
    event_name = "file_event"

    def __init__(self, path):
        self.path = path


with Kernel(Environments.PRODUCTION, [redis_bundle.RedisBundle(), remote_event_bundle.RemoteEventBundle()]):
    inject.instance(EventManager).dispatch(FileEvent("/from/python"))
