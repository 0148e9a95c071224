"""Reads outputs with the unmodified parsers of genie.libs.parser (PyPI), without the rest of pyATS.

Usage: genie_ios.py FOLDER FILE; FOLDER is where the wheel is unpacked, FILE holds {"command": "output", ...}. Prints
{"command": what the parser has read}. A parser derives from genie.metaparser.MetaParser, which checks schemas and runs
commands on devices; parsing needs neither, so a class of that name stands in its place.
"""

import importlib
import json
import sys
import types


class MetaParser:
    def __init__(self, device=None, *_, **__):
        self.device = device


class Anything:
    """A word of a schema, which nobody reads."""

    def __init__(self, *_, **__):
        pass

    def __hash__(self):
        return id(self)


def module(name, **names):
    made = types.ModuleType(name)
    made.__dict__.update(names)
    made.__path__ = []
    sys.modules[name] = made
    return made


schema = {name: Anything for name in ["Any", "Optional", "Or", "And", "Default", "Use", "Schema", "ListOf"]}
genie = module("genie")
module("genie.metaparser", MetaParser=MetaParser)
module("genie.metaparser.util", merge_dict=None, keynames_convert=None)
module("genie.metaparser.util.schemaengine", **schema)
module("genie.metaparser.util.exceptions", SchemaEmptyParserError=type("SchemaEmptyParserError", (Exception,), {}))
module("genie.libs").__path__ = [sys.argv[1] + "/genie/libs"]
module("genie.libs.parser").__path__ = [sys.argv[1] + "/genie/libs/parser"]
module("genie.libs.parser.iosxe").__path__ = [sys.argv[1] + "/genie/libs/parser/iosxe"]

PARSERS = {
    "show logging": ("show_logging", "ShowLogging"),
    "show voice call summary": ("show_voice", "ShowVoiceCallSummary"),
    "show privilege": ("show_privilege", "ShowPrivilege"),
    "show archive": ("show_archive", "ShowArchive"),
}

read = {}
for command, output in json.load(open(sys.argv[2])).items():
    name, parser = PARSERS[command]
    try:
        found = importlib.import_module("genie.libs.parser.iosxe." + name)
        read[command] = getattr(found, parser)().cli(output=output)
    except Exception as why:
        sys.exit(f"{command}: {type(why).__name__}: {why}\n{output}")
json.dump(read, sys.stdout)
