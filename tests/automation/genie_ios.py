"""Reads outputs with the unmodified parsers of genie.libs.parser (PyPI), without the rest of pyATS.

Usage: genie_ios.py FOLDER FILE; FOLDER is where the parsers are unpacked, FILE holds {"command": "output", ...}. Prints
{"command": what the parser has read}. A parser derives from genie.metaparser.MetaParser, which checks schemas and runs
commands on devices; parsing needs neither, so stand-ins take the place of all that is not a parser.
"""

import importlib
import importlib.abc
import importlib.machinery
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


class StandIn(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules of pyATS and what it needs."""

    def find_spec(self, name, path, target=None):
        ours = name.split(".")[0] in ("pyats", "unicon", "xmltodict", "packaging", "netaddr")
        if ours or name.startswith("genie.") and not name.startswith("genie.libs"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        if module.__name__ == "genie.metaparser":
            module.MetaParser = MetaParser
        if module.__name__ == "genie.metaparser.util.exceptions":
            module.SchemaEmptyParserError = type("SchemaEmptyParserError", (Exception,), {})


def package(name, path):
    made = types.ModuleType(name)
    made.__path__ = path
    sys.modules[name] = made


sys.meta_path.append(StandIns())
package("genie", [])
for name in ("genie.libs", "genie.libs.parser", "genie.libs.parser.iosxe"):
    package(name, [sys.argv[1] + "/" + name.replace(".", "/")])

PARSERS = {
    "show archive": ("show_archive", "ShowArchive"),
    "show clock": ("show_system", "ShowClock"),
    "show file systems": ("show_platform", "ShowFileSystems"),
    "show hosts": ("show_hosts", "ShowHosts"),
    "show interfaces": ("show_interface", "ShowInterfaces"),
    "show inventory": ("show_platform", "ShowInventory"),
    "show logging": ("show_logging", "ShowLogging"),
    "show privilege": ("show_privilege", "ShowPrivilege"),
    "show processes cpu": ("show_platform", "ShowProcessesCpu"),
    "show processes memory": ("show_platform", "ShowProcessesMemory"),
    "show running-config interface Serial1/0:15": ("show_run", "ShowRunInterface"),
    "show terminal": ("show_terminal", "ShowTerminal"),
    "show voice call summary": ("show_voice", "ShowVoiceCallSummary"),
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
