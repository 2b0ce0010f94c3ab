#!/usr/bin/env python3
"""Checks tests/cases/template/jinja.yml against the real Jinja2.

Needs the packages Jinja2 and PyYAML, in a virtual environment. Exits with 1 on a difference.
"""

import pathlib
import sys

import jinja2
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main() -> int:
    document = yaml.safe_load((ROOT / "cases/template/jinja.yml").read_text())
    environment = jinja2.Environment(
        trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    differences = 0
    for case in document["cases"]:
        given = environment.from_string(case["template"]).render(**document["vars"])
        if "gives" in case and given != case["gives"]:
            differences += 1
            print(f"{case['template']!r}\n  Jinja2: {given!r}\n  file:   {case['gives']!r}")
    print(f"{len(document['cases'])} templates, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
