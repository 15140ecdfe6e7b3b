"""A policy in words: its TOML with every default written out, and what each part is."""

import sys
from pathlib import Path

import tomli_w

from chorus_policies.own_part import find_own, is_own
from chorus_policies.policy import Policy
from chorus_policies.sections import PARTS


def explain_policy(policy: Policy) -> str:
    """Return a valid policy file whose comments say what each part does, by whom, at what cost."""
    table = policy.to_table()
    head = tomli_w.dumps({name: table[name] for name in ("name", "summary", "paper")})
    lines = [f"# fingerprint {policy.fingerprint}", head.rstrip()]
    for section in PARTS:
        text = _description(section, table[section]["kind"])
        lines.append("")
        lines += [f"# {line}".rstrip() for line in text.strip().splitlines()]
        lines.append(tomli_w.dumps({section: table[section]}).rstrip())
    lines += ["", tomli_w.dumps({"entry": table["entry"]}).rstrip()]
    return "\n".join(lines) + "\n"


def _description(section: str, kind: str) -> str:
    """Return the docstring of the module that a part comes from; an own class may have its own."""
    if is_own(kind):
        part = find_own(kind, Path())
        module = sys.modules[part.made_by.__module__]
        return module.__doc__ or part.made_by.__doc__ or "no description"
    return sys.modules[PARTS[section][0][kind].make.__module__].__doc__ or ""
