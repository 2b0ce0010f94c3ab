#!/usr/bin/env python3
"""Answers questions about inventories with the real Ansible.

Reads one question per line (JSON: sources, queries) and answers each with one line. Needs
ansible-core, which tests/python installs.
"""

import json
import os
import sys
import tempfile

os.environ["ANSIBLE_LOCALHOST_WARNING"] = "False"
SETTINGS = tempfile.NamedTemporaryFile(suffix=".cfg")  # nobody's own settings
os.environ["ANSIBLE_CONFIG"] = SETTINGS.name

import ansible.inventory.group as group_module
from ansible import constants
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

try:  # 2.19: values carry tags, which its own encoder takes off
    from ansible._internal._json._profiles._inventory_legacy import Encoder
except ImportError:
    from ansible.parsing.ajson import AnsibleJSONEncoder as Encoder


class WrittenOrder(dict):
    """A set that keeps its order.

    Ansible walks down groups through sets, so the order of cousins changes from run to run. With
    this in their place, it is the order written, which is one of those that Ansible gives.
    """

    def __init__(self, items=()):
        super().__init__((item, None) for item in items)

    def add(self, item):
        self[item] = None

    def update(self, *others):
        for other in others:
            for item in other:
                self[item] = None

    def difference_update(self, *others):
        for other in others:
            for item in list(other):
                self.pop(item, None)

    def copy(self):
        return WrittenOrder(self)


group_module.set = WrittenOrder


def quiet(*_arguments, **_words):
    pass


for name in ("warning", "deprecated", "error_as_warning", "error", "display"):
    setattr(Display, name, quiet)


def hosts(inventory, query):
    try:
        inventory.subset(query.get("limit"))
        inventory.clear_pattern_cache()
        inventory._hosts_patterns_cache = {}
        return [host.name for host in inventory.get_hosts(query.get("pattern", "all"))]
    except Exception as error:  # whatever it says, it is no answer
        return {"error": str(error)}


def answer(question):
    loader = DataLoader()
    try:
        inventory = InventoryManager(loader=loader, sources=question["sources"])
    except Exception as error:
        return {"error": str(error)}
    parsed = inventory._inventory.processed_sources
    variables = VariableManager(loader=loader, inventory=inventory)
    everything = {}
    for host in inventory.get_hosts("all"):
        try:
            found = variables.get_vars(host=host, include_hostvars=False, stage="all")
        except Exception as error:
            return {"error": str(error)}
        for internal in constants.INTERNAL_STATIC_VARS:
            found.pop(internal, None)
        everything[host.name] = found
    groups = {
        name: {
            "children": [child.name for child in group.child_groups],
            "hosts": [host.name for host in group.hosts] if name != "all" else [],
        }
        for name, group in inventory.groups.items()
    }
    answers = [hosts(inventory, query) for query in question.get("queries", [])]
    return {
        "parsed": len(parsed),
        "queries": answers,
        "variables": everything,
        "groups": groups,
    }


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), cls=Encoder), flush=True)


if __name__ == "__main__":
    main()
