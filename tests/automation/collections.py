"""Puts the Ansible collections that drive Cisco IOS into the first directory given, and Cisco's own parsers of what IOS-XE
prints (genie) into the second; nothing else of their packages.

The collections are on PyPI only within the package `ansible`, which has some hundred others; genie's wheel has the parsers
of all other systems too.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGES = (
    ("ansible==12.3.0", tuple(f"ansible_collections/{name}/" for name in ("cisco/ios", "ansible/netcommon", "ansible/utils"))),
    ("genie.libs.parser==26.9", ("genie/libs/parser/iosxe/show_", "genie/libs/parser/utils/")),
)


def unpack(package, starts, target):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--dest", directory, package],
            check=True)
        [wheel] = pathlib.Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith(starts) and "/tests/" not in name]
            assert names, f"{package} has no {starts}"
            archive.extractall(target, names)


for (package, starts), target in zip(PACKAGES, sys.argv[1:], strict=True):
    unpack(package, starts, target)
