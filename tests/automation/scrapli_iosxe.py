"""Drives the gateway with scrapli's `cisco_iosxe` driver.

Usage: scrapli_iosxe.py PORT. Prints one JSON object; any surprise ends it with a traceback.
"""

import json
import sys

from scrapli.driver.core import IOSXEDriver


def main(port):
    with IOSXEDriver(host="127.0.0.1", port=port, auth_username="oper", auth_password="looking",
                     auth_secondary="topmost", auth_strict_key=False, transport="paramiko",
                     timeout_socket=60, timeout_transport=60, timeout_ops=60) as router:
        seen = {"prompt": router.get_prompt()}
        seen["version"] = router.send_command("show version").textfsm_parse_output()
        configured = router.send_configs(
            ["dial-peer voice 400 pots", "destination-pattern 400", "port 2/0"], stop_on_failed=True)
        seen["configured"] = not configured.failed
        seen["section"] = router.send_command("show running-config | section dial-peer voice 400").result
        seen["refused"] = router.send_config("bogus line").failed
        seen["copied"] = router.send_interactive([
            ("copy running-config flash:scrapli.cfg", "Destination filename [scrapli.cfg]?", False),
            ("", "bytes copied", False),
        ]).result
        seen["dir"] = router.send_command("dir flash:").textfsm_parse_output()
    json.dump(seen, sys.stdout)


main(int(sys.argv[1]))
