"""Puts the Ansible collections that drive Cisco IOS into the directory given, and nothing else of their package.

They are on PyPI only within the package `ansible`, which has some hundred others.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "ansible==12.3.0"
WANTED = ("cisco/ios", "ansible/netcommon", "ansible/utils")


def main(target):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--dest", directory, PACKAGE],
            check=True)
        [wheel] = pathlib.Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            starts = tuple(f"ansible_collections/{name}/" for name in WANTED)
            names = [name for name in package.namelist() if name.startswith(starts) and "/tests/" not in name]
            assert names, f"{PACKAGE} has no {WANTED}"
            package.extractall(target, names)


main(sys.argv[1])
