"""What judgements taught the policy, in a file beside the logs of its runs.

The file belongs to one policy, model and embedder: under another, similarities and steps mean
something else, and its server begins without experience. It is replaced as a whole with each
judgement, so a killed server has lost none that it acknowledged.
"""

import hashlib
from pathlib import Path

import msgspec

from chorus_policies.reuse.learned import Learned
from chorus_runtime.service import Chorus
from chorus_traces.atomic import replacing
from chorus_traces.errors import EngineError

SCHEMA = "chorus.learned/1"


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    policy: str
    model: str
    embedder: str
    buckets: tuple[Learned, ...]


class Experience:
    """Keeps what ``chorus`` learns in ``folder``, and recalls what is there already.

    ``recalled`` is the number of buckets found. Raises ``EngineError`` for a file that cannot be
    read.
    """

    def __init__(self, chorus: Chorus, folder: Path) -> None:
        self._chorus = chorus
        self._facts = (chorus.policy.fingerprint, chorus.model.name, chorus.embedder_name)
        name = hashlib.blake2b("\0".join(self._facts).encode(), digest_size=6).hexdigest()
        self._path = folder / f"learned-{name}.json"
        self.recalled = 0
        if chorus.learns and self._path.exists():
            learned = self._read()
            self.recalled = len(learned)
            chorus.recall(learned)

    def keep(self) -> None:
        """Write what is known now. Raises ``TraceError`` where it cannot be written."""
        policy, model, embedder = self._facts
        content = _Content(
            policy=policy, model=model, embedder=embedder, buckets=self._chorus.learned()
        )
        with replacing(self._path) as stream:
            stream.write(msgspec.json.encode(content))

    def _read(self) -> tuple[Learned, ...]:
        try:
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except (OSError, msgspec.MsgspecError) as error:
            raise EngineError(
                f"{self._path}: cannot be read ({error}); delete it to learn anew"
            ) from error
        return content.buckets
