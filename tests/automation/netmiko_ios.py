"""Drives the gateway with netmiko as if it were a Cisco router, and reads its answers with ntc-templates.

Usage: netmiko_ios.py DEVICE_TYPE PORT. Prints one JSON object; any surprise ends it with a traceback.
"""

import json
import sys

from netmiko import ConfigInvalidException, ConnectHandler


def main(kind, port):
    router = ConnectHandler(
        device_type=kind, host="127.0.0.1", port=port, username="oper", password="looking", secret="topmost",
        conn_timeout=60, read_timeout_override=60,
    )
    seen = {"user_prompt": router.find_prompt()}
    router.enable()
    seen["prompt"] = router.find_prompt()
    seen["configured"] = router.send_config_set(
        ["dial-peer voice 100 pots", "destination-pattern 100", "port 2/0"])
    seen["section"] = router.send_command("show running-config | section dial-peer voice 100")
    seen["saved"] = router.save_config()
    try:
        router.send_config_set(["bogus line"], error_pattern=r"% Invalid")
        seen["refused"] = False
    except ConfigInvalidException:
        seen["refused"] = True
    if router.check_config_mode():
        router.exit_config_mode()
    # Longer than a screen, with the pauses netmiko has switched off.
    seen["long"] = router.send_command("show running-config").count("\n")
    for command in ("show version", "show users", "show clock", "show inventory", "show ip interface brief",
                    "show isdn status", "show logging"):
        rows = router.send_command(command, use_textfsm=True)
        assert isinstance(rows, list) and rows, f"{command}: no template reads {rows!r}"
        seen[command] = rows
    router.disconnect()
    json.dump(seen, sys.stdout)


main(sys.argv[1], int(sys.argv[2]))
