"""A policy in words: its TOML with every default written out, and what each part is."""

import sys

import tomli_w

from chorus_policies.catalogue import ADMISSIONS, EVICTIONS, REUSES, SIZINGS
from chorus_policies.policy import Policy

_CATALOGUES = {
    "reuse": REUSES,
    "admission": ADMISSIONS,
    "eviction": EVICTIONS,
    "sizing": SIZINGS,
}


def explain_policy(policy: Policy) -> str:
    """Return a valid policy file whose comments say what each part does, by whom, at what cost."""
    table = policy.to_table()
    head = tomli_w.dumps({name: table[name] for name in ("name", "summary", "paper")})
    lines = [f"# fingerprint {policy.fingerprint}", head.rstrip()]
    for section, catalogue in _CATALOGUES.items():
        module = sys.modules[catalogue[table[section]["kind"]].config.__module__]
        lines.append("")
        lines += [f"# {line}".rstrip() for line in (module.__doc__ or "").strip().splitlines()]
        lines.append(tomli_w.dumps({section: table[section]}).rstrip())
    lines += ["", tomli_w.dumps({"entry": table["entry"]}).rstrip()]
    return "\n".join(lines) + "\n"
