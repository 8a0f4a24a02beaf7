"""Measure the effect of a listener in the sending process of an original on a send.

The argument is what the listener does: raise, change or nothing. The event has the
payload {"n": 1}. The probe writes {"raised": CLASS}, the class of the exception that
dispatch raised, or null.
"""

import os
import sys

from applauncher.kernel import EventManager
from driver import Driver, emit
from remote_event_bundle import RemoteEvent


class Local(RemoteEvent):
    event_name = "local"

    def __init__(self):
        self.n = 1


def listener(event):
    if sys.argv[1] == "raise":
        raise RuntimeError("this listener fails, as it was told")
    if sys.argv[1] == "change":
        event.n = 2


driver = Driver()
driver.boot([])
EventManager().add_listener("local", listener)
try:
    driver.kernel.event_manager.dispatch(Local())
    emit(raised=None)
except Exception as error:  # whatever it is, it is the observation
    emit(raised=type(error).__name__)
os._exit(0)
