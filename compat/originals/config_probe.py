"""Measure how the original packages read a configuration.

Reads one JSON object a line on stdin, with the members

    config       the text of config.yml
    parameters   the text of parameters.yml, or null for no such file
    environment  the whole environment, an object of strings
    sections     optional: names of sections that stand for other bundles' ones
    version      optional: the remote_event_bundle whose schema is asked for

and writes one a line on stdout:

    {"redis": {...}, "remote_event": {...}}   the values, without those that are
                                              null or that an empty file has, too;
                                              backend, whose default depends on the
                                              version, is always there
    {"error": "KeyError"}                     the class of the exception

The files are read by the real mapped_config, the schemas are those of the real
bundles. `--version V` measures remote_event_bundle V where a case names none;
the schema of a version that is not installed is derived from the installed one.
"""

import argparse
import copy
import importlib.metadata
import json
import os
import sys
import tempfile

from mapped_config.loader import YmlLoader
from redis_bundle.bundle import RedisBundle
from remote_event_bundle.bundle import RemoteEventBundle

INSTALLED = importlib.metadata.version("remote_event_bundle")


def remote_event_schema(version):
    """The schema of `remote_event:` as that version declares it."""
    number = tuple(int(part) for part in version.split("."))
    schema = {"events": [{"name": {"type": "string"}}]}
    if number >= (1, 0):
        schema.update(group_id="", backend="amqp" if number >= (1, 4) else "redis")
    return schema


def mapping(version, sections):
    schema = {name: {"type": "dict", "allow_unknown": True} for name in sections}
    schema.update(RedisBundle().config_mapping)
    schema["remote_event"] = remote_event_schema(version)
    return copy.deepcopy(schema)  # mapped_config changes it in place


def load(directory, case, version):
    config = os.path.join(directory, "config.yml")
    parameters = os.path.join(directory, "parameters.yml")
    with open(config, "w", encoding="utf-8", newline="") as file:
        file.write(case["config"])
    if os.path.exists(parameters):
        os.remove(parameters)
    if case.get("parameters") is not None:
        with open(parameters, "w", encoding="utf-8", newline="") as file:
            file.write(case["parameters"])
    loader = YmlLoader()
    kept = dict(os.environ)
    os.environ.clear()
    try:
        os.environ.update(case.get("environment") or {})
        data = loader.load_config(config, parameters)
    finally:
        os.environ.clear()
        os.environ.update(kept)
    sections = case.get("sections") or []
    # The kernel asks for named tuples: build them too, their errors count.
    loader.build_config(copy.deepcopy(data), mapping(version, sections))
    return loader.build_config(data, mapping(version, sections), as_namedtuple=False)


def measure(directory, case, version):
    empty = load(directory, {"config": "{{}}", "sections": case.get("sections")}, version)
    try:
        found = load(directory, case, version)
    except Exception as error:  # whatever it is, it is the observation
        return {"error": type(error).__name__}
    return {
        section: {
            key: value
            for key, value in found[section].items()
            if key == "backend" or (value is not None and value != empty[section].get(key))
        }
        for section in ("redis", "remote_event")
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--version", default=INSTALLED)
    arguments = parser.parse_args()
    if RemoteEventBundle().config_mapping["remote_event"] != remote_event_schema(INSTALLED):
        sys.exit(f"remote_event_bundle {INSTALLED} has another schema than this script knows")
    with tempfile.TemporaryDirectory() as directory:
        for line in sys.stdin:
            case = json.loads(line)
            outcome = measure(directory, case, case.get("version") or arguments.version)
            print(json.dumps(outcome, default=repr), flush=True)


if __name__ == "__main__":
    main()
