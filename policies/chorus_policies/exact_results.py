"""Which resident entries answer an identical request."""

from chorus_policies.entry import Entry


class ExactResults:
    """Exact results by namespace and identity; the most recent of equals answers."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], list[int]] = {}

    def find(self, namespace: str, identity: str) -> int | None:
        """Return the key of the most recent exact result, or ``None``."""
        keys = self._keys.get((namespace, identity))
        return keys[-1] if keys else None

    def add(self, entry: Entry) -> None:
        """Note an entry that became resident or finished.

        One without an identity answers nothing, and neither does one whose run is in flight.
        """
        if entry.identity is not None and entry.finished:
            self._keys.setdefault((entry.namespace, entry.identity), []).append(entry.key)

    def remove(self, entry: Entry) -> None:
        """Forget an entry that left."""
        if entry.identity is not None and entry.finished:
            place = (entry.namespace, entry.identity)
            self._keys[place].remove(entry.key)
            if not self._keys[place]:
                del self._keys[place]
