"""A Redis store of one server: it holds a lease that expires, and writes only while it holds it.

The lease names its owner and is renewed long before it expires. Every write asks for it in the same
script, so that not even one that stood still in between writes into another's store. A lease is
taken over when its owner is certainly gone, or when it was not renewed until it expired.
"""

import logging
import math
from collections.abc import Callable
from threading import Event, Lock, Thread

import msgspec

from chorus_runtime.store.blobs import RedisBlobs
from chorus_runtime.store.owner import Owner, this_process
from chorus_traces.errors import EngineError

#: Seconds a lease outlives a server that was killed, or whose Redis is out of reach. Fewer let the
#: next one start sooner, and lose the store of one that stands still for as long.
LEASE_S = 10.0

#: Renewals in that time.
_RENEWALS = 5.0

#: Seconds between two looks at somebody else's lease.
_LOOK_S = 0.25

_LEASE, _LAST = "lease", "lease-last"

#: Takes a lease that is free or ``ARGV[3]``'s; else returns whose it is and its milliseconds.
_TAKE = """
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[3] then return {found, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return {}
"""

#: Renews a lease; takes it again where it expired, or Redis lost it, and nobody had it since.
#: Else returns who has it, or had it last.
_RENEW = """
local found, last = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if (found and found ~= ARGV[1]) or (last and last ~= ARGV[1]) then return found or last end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return ''
"""

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

#: Puts a small content, or gives a large one, which lies at ``KEYS[3]`` already, its name: a script
#: would copy it several times.
_PUT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""
_NAME = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
redis.call('RENAME', KEYS[3], KEYS[2])
redis.call('PERSIST', KEYS[2])
return 1
"""

#: Bytes of a small content.
_SMALL_BYTES = 64 * 2**10

#: Seconds until a large content goes that got no name, because its writer was killed.
_PART_S = 60

_DELETE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
return 1
"""

_LOG = logging.getLogger("chorus.store")


class LeasedRedis:
    """``Blobs`` that are this server's alone, until it is closed or loses its lease.

    ``trouble`` says that it did, and by whom; nothing is written any more then. Raises
    ``EngineError`` where another server has the lease: at once when that one renews it, and never
    later than it would expire.
    """

    def __init__(self, blobs: RedisBlobs, *, lease_s: float = LEASE_S) -> None:
        self.place = blobs.place
        self.trouble = ""
        self._blobs = blobs
        self._owner = this_process()
        self._mine = msgspec.json.encode(self._owner)
        self._lease_ms = math.ceil(1000 * lease_s)
        self._lock = Lock()
        self._closed = Event()
        self._take()
        self._renewing = Thread(
            target=self._renew_until_closed,
            args=(lease_s / _RENEWALS,),
            name="chorus-lease",
            daemon=True,
        )
        self._renewing.start()

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes, whole or not at all."""
        if len(content) <= _SMALL_BYTES:
            self._write(lambda: self._run(_PUT, [name], content))
            return
        part = f"parts/{self._owner.token}/{name}"

        def named() -> bool:
            self._blobs.put(part, content, for_s=_PART_S)
            return self._run(_NAME, [name, part])

        self._write(named)

    def get(self, name: str) -> bytes:
        """Return bytes; another one's are as good, for readers know their checksum."""
        return self._blobs.get(name)

    def delete(self, name: str) -> None:
        """Delete bytes if they are there."""
        self._write(lambda: self._run(_DELETE, [name]))

    def names(self, folder: str) -> list[str]:
        """Return the names below a folder."""
        return self._blobs.names(folder)

    def close(self) -> None:
        """Let the next server in."""
        self._closed.set()
        self._renewing.join()
        try:
            self._blobs.run(_RELEASE, [_LEASE], self._mine)
        except EngineError:
            # Out of reach: it expires by itself.
            _LOG.warning("%s: the lease could not be given back; it expires", self.place)
        self._blobs.close()

    def _take(self) -> None:
        """Take the lease, or wait until it has expired. Raises ``EngineError``."""
        dead, first, left_ms = b"", b"", math.inf
        never = Event()
        while found := self._blobs.run(_TAKE, [_LEASE, _LAST], self._mine, self._lease_ms, dead):
            holder, now_ms = bytes(found[0]), int(found[1])
            owner = _owner(holder)
            if owner is not None and owner.is_gone:
                dead = holder
                continue
            if holder != (first or holder) or now_ms > left_ms or now_ms < 0:
                raise EngineError(
                    f"{self.place}: in use by another server ({_named(owner)}); end that one, or "
                    "name another place, such as another ?prefix=NAME"
                )
            first, left_ms = holder, now_ms
            never.wait(_LOOK_S)

    def _run(self, script: str, names: list[str], *content: bytes) -> bool:
        """Carry out a script that asks for the lease; tell whether it had it."""
        return bool(self._blobs.run(script, [_LEASE, *names], self._mine, *content))

    def _write(self, write: Callable[[], bool]) -> None:
        """Write while the lease is ours. Raises ``EngineError``."""
        for _ in range(2):
            if self.trouble:
                raise EngineError(self.trouble)
            if write():
                return
            self._renew()
        raise EngineError(f"{self.place}: the lease comes and goes; nothing was written")

    def _renew_until_closed(self, every_s: float) -> None:
        while not self._closed.wait(every_s) and not self.trouble:
            try:
                self._renew()
            except EngineError:
                # Whoever writes says so as well; the lease may be there again when Redis is.
                continue

    def _renew(self) -> None:
        with self._lock:
            found = self._blobs.run(_RENEW, [_LEASE, _LAST], self._mine, self._lease_ms)
            if found and not self.trouble:
                self.trouble = (
                    f"{self.place}: taken over by another server ({_named(_owner(found))}); "
                    "nothing is written there any more; restart this one when that one has ended"
                )
                _LOG.error("%s", self.trouble)


def _owner(content: bytes) -> Owner | None:
    """Return the owner of a lease, ``None`` for one that is not readable."""
    try:
        return msgspec.json.decode(content, type=Owner)
    except msgspec.MsgspecError:
        return None


def _named(owner: Owner | None) -> str:
    return "of another version" if owner is None else str(owner)
