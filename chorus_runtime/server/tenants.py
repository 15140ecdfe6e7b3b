"""Tenants by API key: the one place where a request is told whose it is.

The file is TOML: a line ``"key" = "tenant"`` for each key, and optionally ``admin = ["key", ...]``
for the keys of operators. Without a file everybody is the tenant ``default`` and an operator.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from chorus_runtime.server.refusal import Refusal
from chorus_traces.errors import EngineError

#: Whose requests are those that come without keys.
DEFAULT_TENANT = "default"

_ADMIN = "admin"

_MOST_CHARACTERS = 100


class Tenants:
    """Knows whose key is whose. Keys are kept as digests: comparing them tells nothing by time."""

    def __init__(self, keys: Mapping[str, str], admin_keys: tuple[str, ...] = ()) -> None:
        self._tenants = {_digest(key): tenant for key, tenant in keys.items()}
        self._admins = frozenset(_digest(key) for key in admin_keys)
        self.is_open = not keys

    @property
    def names(self) -> tuple[str, ...]:
        """Every tenant, sorted."""
        return tuple(sorted(set(self._tenants.values()))) or (DEFAULT_TENANT,)

    def tenant_of(self, authorization: str | None) -> str:
        """Return the tenant of an ``Authorization`` header. Raises ``Refusal`` (401)."""
        if self.is_open:
            return DEFAULT_TENANT
        tenant = self._tenants.get(_digest(_bearer(authorization)))
        if tenant is None:
            raise Refusal(401, "invalid_api_key", "this API key is not known here")
        return tenant

    def check_admin(self, authorization: str | None) -> None:
        """Raise ``Refusal`` unless the header holds an operator's key."""
        if not self.is_open and _digest(_bearer(authorization)) not in self._admins:
            raise Refusal(403, "not_an_operator", "an operator's API key is needed for this")


def read_tenants(path: Path) -> Tenants:
    """Return the tenants of a keys file. Raises ``EngineError`` naming what is wrong with it."""
    return Tenants(*read_keys(path))


def read_keys(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the tenant of each key of a keys file, and the operators' keys.

    Raises ``EngineError`` naming what is wrong with it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EngineError(f"{path}: not a keys file: {error}") from error
    admins = table.pop(_ADMIN, [])
    if not isinstance(admins, list) or not all(isinstance(key, str) and key for key in admins):
        raise EngineError(f'{path}: admin is {admins!r}; a list like ["key"] is needed')
    for key, tenant in table.items():
        if not isinstance(tenant, str) or not 0 < len(tenant) <= _MOST_CHARACTERS or not key:
            raise EngineError(f'{path}: a key maps to {tenant!r}; "key" = "tenant" is needed')
    if not table:
        raise EngineError(f'{path}: has no keys; write a line "key" = "tenant" for each')
    return table, tuple(admins)


def _bearer(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refusal(401, "no_api_key", "the header 'Authorization: Bearer KEY' is needed")
    return key.strip()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
