"""Drives the gateway with NAPALM's `ios` driver.

Usage: napalm_ios.py PORT. Prints one JSON object; any surprise ends it with a traceback.
"""

import json
import sys

from napalm import get_network_driver
from napalm.base.exceptions import MergeConfigException, ReplaceConfigException


def main(port):
    driver = get_network_driver("ios")
    router = driver("127.0.0.1", "admin", "opensesame", timeout=60,
                    optional_args={"port": port, "secret": "topmost", "conn_timeout": 60,
                                   "read_timeout_override": 60})
    router.open()
    seen = {"alive": router.is_alive()["is_alive"], "facts": router.get_facts(), "users": router.get_users(),
            "interfaces": router.get_interfaces(), "addresses": router.get_interfaces_ip()}
    before = router.get_config(retrieve="running")["running"]
    seen["running"] = before

    # merge: compare, discard, commit, roll back
    merge = "dial-peer voice 300 pots\n destination-pattern 300\n port 2/0\n"
    router.load_merge_candidate(config=merge)
    seen["merge_diff"] = router.compare_config()
    router.discard_config()
    seen["discarded_diff"] = router.compare_config()
    router.load_merge_candidate(config=merge)
    router.commit_config()
    seen["merged"] = "destination-pattern 300" in router.get_config(retrieve="running")["running"]
    seen["saved"] = "destination-pattern 300" in router.get_config(retrieve="startup")["startup"]
    router.rollback()
    seen["rolled_back"] = "destination-pattern 300" not in router.get_config(retrieve="running")["running"]

    # a merge that is refused rolls itself back
    router.load_merge_candidate(config="dial-peer voice 301 pots\nno such line\n")
    try:
        router.commit_config()
        seen["bad_merge"] = "taken"
    except MergeConfigException:
        seen["bad_merge"] = "refused"
    seen["bad_merge_left"] = "dial-peer voice 301" in router.get_config(retrieve="running")["running"]

    # replace: compare, commit with a timer, confirm; then again without confirming
    other = router.get_config(retrieve="running")["running"].replace("hostname Branch", "hostname Harbour")
    router.load_replace_candidate(config=other)
    seen["replace_diff"] = router.compare_config()
    router.commit_config(revert_in=60)
    seen["pending"] = router.has_pending_commit()
    router.confirm_commit()
    seen["confirmed"] = (router.has_pending_commit(), router.get_facts()["hostname"])
    back = other.replace("hostname Harbour", "hostname Branch")
    router.load_replace_candidate(config=back)
    router.commit_config(revert_in=60)
    seen["before_rollback"] = router.get_facts()["hostname"]
    router.rollback()
    seen["after_rollback"] = (router.has_pending_commit(), router.get_facts()["hostname"])

    # a replacement that is refused changes nothing
    router.load_replace_candidate(config=other + "\nno such line\n")
    try:
        router.commit_config()
        seen["bad_replace"] = "taken"
    except ReplaceConfigException as error:
        seen["bad_replace"] = str(error)
    seen["hostname"] = router.get_facts()["hostname"]
    router.close()
    json.dump(seen, sys.stdout)


main(int(sys.argv[1]))
