"""Reads outputs with the templates of examples/textfsm, by ntc-templates' own runner.

Usage: textfsm_ios.py TEMPLATES FILE, which holds {"command": "output", ...}. Prints {"command": [rows]}.
"""

import json
import os
import sys

os.environ["NTC_TEMPLATES_DIR"] = sys.argv[1]

from ntc_templates.parse import parse_output  # noqa: E402: it reads the variable above

rows = {}
for command, output in json.load(open(sys.argv[2])).items():
    try:
        rows[command] = parse_output(platform="cisco_ios", command=command, data=output)
    except Exception as why:
        sys.exit(f"{command}: {type(why).__name__}: {why}\n{output}")
json.dump(rows, sys.stdout)
