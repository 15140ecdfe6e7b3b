"""The latent store: entries in tiers by name, moved and written off the critical path.

``gpu`` keeps latents on the engine's device, ``host`` in memory (pinned where there is a GPU),
``disk`` in files and ``remote`` where other machines reach them. A call changes at once what the
store says and wakes a worker, which brings memory and files to that state: an entry can be read as
soon as ``put`` returns, and is in its tier once ``flush`` does. What the worker cannot do loses the
entry, never more: see ``take_losses``. The file is long because these are the states of one entry.
"""

from collections import deque
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import cast

import torch

from chorus_runtime.store.disk import Disk
from chorus_runtime.store.held import Held
from chorus_runtime.store.index import Row
from chorus_runtime.store.kept import Kept
from chorus_runtime.store.remote import Remote
from chorus_runtime.store.tiers import (
    CPU,
    LASTING,
    TIERS,
    TierName,
    lasting_tier,
    placed,
    tier_named,
)
from chorus_traces.errors import EngineError, unknown

#: Entries that may wait to be written before ``wait_for_room`` blocks. More of them hide slower
#: disks and hold more memory.
PENDING_ENTRIES = 8


class LatentStore:
    """Holds entries by key. All methods may be called from any thread.

    ``folder``, a path or the address of a ``Remote``, is needed for the tier of that kind and
    refused without it; ``scope`` says whose latents these are. Entries that lie in memory are gone
    when the store is closed.
    """

    def __init__(
        self,
        tiers: Collection[str],
        *,
        folder: Path | str | None = None,
        scope: str = "",
        device: torch.device = CPU,
    ) -> None:
        if not tiers:
            raise EngineError(f"a store needs at least one tier of {', '.join(TIERS)}")
        self.tiers = frozenset(tier_named(name) for name in tiers)
        lasting = [tier for tier in LASTING if tier in self.tiers]
        if lasting != ([] if folder is None else [lasting_tier(folder)]):
            needed = "needs a folder, or the address of one"
            if folder is not None:
                needed = f"has {folder}, but no tier {lasting_tier(folder)!r}"
            raise EngineError(f"the store {needed}; give both or none")
        self._device = device
        self._disk = None if folder is None else _opened(folder, scope)
        #: Rows found on opening, by rising key: what an earlier process left.
        self.found: tuple[Row, ...] = () if self._disk is None else tuple(self._disk.rows.values())
        home = lasting_tier("" if folder is None else folder)
        self._held = {
            row.key: Held(tier=home, has_steps=row.has_steps, row=row) for row in self.found
        }
        self._todo: deque[int] = deque()
        self._busy: int | None = None
        self._losses: dict[int, str] = {}
        self._closed = False
        self._changed = Condition()
        self._worker = Thread(target=self._work, name="chorus-store", daemon=True)
        self._worker.start()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._held)

    def __contains__(self, key: int) -> bool:
        """Tell whether the entry is held."""
        return key in self._held

    @property
    def trouble(self) -> str:
        """Why nothing is stored any more where other machines reach it, empty while it is."""
        return self._disk.trouble if isinstance(self._disk, Remote) else ""

    def tier_of(self, key: int) -> str:
        """Return the tier of a held entry."""
        return self._known(key).tier

    def bytes_in_memory(self) -> int:
        """Return the bytes of the latents in memory, those on their way to disk included."""
        with self._changed:
            return sum(held.kept.size_bytes for held in self._held.values() if held.kept)

    def wait_for_room(self) -> None:
        """Wait until fewer entries are on their way than may be. Call before ``put``."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._todo) < PENDING_ENTRIES)

    def put(self, kept: Kept, tier: str) -> None:
        """Hold an entry in ``tier``.

        Raises ``EngineError`` for a key that is held, an unknown tier, or a disk that is full.
        """
        name = self._own(tier)
        if name in LASTING and self._disk is not None:
            self._disk.check_room(kept.size_bytes)
        with self._changed:
            if self._closed:
                raise EngineError("the store is closed")
            if kept.key in self._held:
                raise EngineError(f"entry {kept.key} is in the store; store it once")
            self._held[kept.key] = Held(tier=name, has_steps=bool(kept.steps), kept=kept)
            self._wake(kept.key)

    def get(self, key: int) -> Kept:
        """Return an entry, wherever it lies now.

        Raises ``EngineError`` when it is not held, or damaged on disk.
        """
        while True:
            with self._changed:
                held = self._known(key)
                kept, row = held.kept, held.row
            if kept is not None:
                return kept if held.has_steps else kept.trimmed()
            if row is None or self._disk is None:
                raise EngineError(f"entry {key} lies nowhere; drop it")
            try:
                kept = self._disk.read(row)
            except FileNotFoundError:
                # The worker is putting another form in its place; else the file was taken away.
                with self._changed:
                    self._changed.wait_for(lambda: self._busy != key)
                    if self._known(key).row is row:
                        raise EngineError(f"entry {key}: its file {row.file} is gone") from None
                continue
            return kept if held.has_steps else kept.trimmed()

    def trim(self, key: int) -> None:
        """Drop an entry's step latents and keep the rest."""
        with self._changed:
            held = self._known(key)
            held.has_steps = False
            held.kept = held.kept.trimmed() if held.kept is not None else None
            self._wake(key)

    def move(self, key: int, tier: str) -> None:
        """Put an entry into another tier."""
        name = self._own(tier)
        with self._changed:
            self._known(key).tier = name
            self._wake(key)

    def remove(self, key: int) -> None:
        """Forget an entry."""
        with self._changed:
            self._known(key)
            del self._held[key]
            self._wake(key)

    def take_losses(self) -> dict[int, str]:
        """Return the entries that were lost since the last call, and why; they are not held."""
        with self._changed:
            losses, self._losses = self._losses, {}
        return losses

    def flush(self) -> None:
        """Wait until every entry is where it belongs."""
        with self._changed:
            self._changed.wait_for(lambda: not self._todo and self._busy is None)

    def close(self) -> None:
        """Flush, end the worker and let go of the folder. Closing twice is fine."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._worker.join()
        if self._disk is not None:
            self._disk.close()

    def _known(self, key: int) -> Held:
        held = self._held.get(key)
        if held is None:
            raise EngineError(f"entry {key} is not in the store")
        return held

    def _own(self, tier: str) -> TierName:
        if tier not in self.tiers:
            raise EngineError(unknown("tier", tier, self.tiers))
        return tier_named(tier)

    def _wake(self, key: int) -> None:
        self._todo.append(key)
        self._changed.notify_all()

    def _work(self) -> None:
        """Settle one entry after another until the store is closed and nothing is left to do."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._todo or self._closed)
                if not self._todo:
                    return
                self._busy = self._todo.popleft()
                key, held = self._busy, self._held.get(self._busy)
            try:
                self._settle(key, held)
            except (EngineError, OSError, RuntimeError) as error:
                self._lose(key, held, str(error))
            with self._changed:
                self._busy = None
                self._changed.notify_all()

    def _settle(self, key: int, held: Held | None) -> None:
        """Bring an entry to where the store says it is."""
        if held is None:
            if self._disk is not None:
                self._disk.remove(key)
            return
        while not held.is_settled(self._device):
            with self._changed:
                if self._held.get(key) is not held:
                    return
                tier, has_steps, kept, row = held.tier, held.has_steps, held.kept, held.row
            if kept is None and row is not None and self._disk is not None:
                kept = self._disk.read(row)
            if kept is None:
                raise EngineError(f"entry {key} lies nowhere")
            kept = kept if has_steps else kept.trimmed()
            if tier in LASTING:
                self._put_on_disk(held, kept)
            else:
                self._put_in_memory(held, kept, tier)

    def _put_on_disk(self, held: Held, kept: Kept) -> None:
        disk = cast("Disk | Remote", self._disk)
        row = disk.write(kept)
        with self._changed:
            held.row = row
            if held.tier in LASTING and held.has_steps == row.has_steps:
                held.kept = None

    def _put_in_memory(self, held: Held, kept: Kept, tier: TierName) -> None:
        there = placed(kept, tier, self._device)
        with self._changed:
            held.kept = there if held.has_steps else there.trimmed()
            row, held.row = held.row, None
        if row is not None and self._disk is not None:
            self._disk.remove(row.key)

    def _lose(self, key: int, held: Held | None, reason: str) -> None:
        with self._changed:
            if held is not None and self._held.get(key) is held:
                del self._held[key]
                self._losses[key] = reason
        if self._disk is not None:
            # It is lost already; a file that stays is swept when the store is opened next.
            with suppress(EngineError):
                self._disk.remove(key)


def _opened(folder: Path | str, scope: str) -> Disk | Remote:
    return Disk(folder, scope) if isinstance(folder, Path) else Remote(folder, scope)
