"""A piece of a resident entry, and the class it is in: a queue, the longest unused first."""

from collections.abc import Container


class Piece:
    """What leaves next of one resident entry: its step latents, or all that is left of it.

    ``freed_bytes`` leave with it. ``unused_since`` and ``seen`` count admissions. ``owner`` is the
    namespace and user of the entry, ``named`` its namespace and identity. ``after`` is the one of
    its class that is unused next longest.
    What a class knows is not repeated here: with many residents, most of the time goes into reading
    memory that is in no processor's cache.
    """

    __slots__ = (
        "after",
        "before",
        "core_class",
        "freed_bytes",
        "key",
        "kind",
        "named",
        "owner",
        "seen",
        "unused_since",
    )

    kind: "PieceClass"
    before: "Piece | None"
    after: "Piece | None"
    core_class: int
    freed_bytes: int
    key: int
    named: tuple[str, str] | None
    owner: tuple[str, str] | None
    seen: int
    unused_since: int

    def next_free(self, pinned: Container[int]) -> "Piece | None":
        """Return the next one of the class that is not in ``pinned``."""
        piece = self.after
        while piece is not None and piece.key in pinned:
            piece = piece.after
        return piece


class PieceValue:
    """What pieces alike have saved, and the log-age, times their uses, they were at risk for."""

    __slots__ = ("at_risk", "saved_s")

    def __init__(self) -> None:
        self.saved_s = 0.0
        self.at_risk = 0.0


class PieceClass:
    """A class of pieces: alike in kind and size, of one standing, used as often.

    ``first`` is the longest unused, ``last`` the most recent. ``value`` is what the class has
    saved, ``any_uses`` what all of its kind, size and standing have, ``newest`` what all of its
    kind and size have that are the newest of their users, and ``any_standing`` what all of its kind
    and size have.
    """

    __slots__ = (
        "any_standing",
        "any_uses",
        "first",
        "is_window",
        "last",
        "name",
        "newest",
        "size",
        "standing",
        "uses",
        "value",
    )

    value: PieceValue
    any_uses: PieceValue
    newest: PieceValue
    any_standing: PieceValue

    def __init__(self, name: str, standing: int, size: int, uses: int) -> None:
        self.name = name
        self.is_window = name == "window"
        self.standing = standing
        self.size = size
        self.uses = uses
        self.first: Piece | None = None
        self.last: Piece | None = None

    def append(self, piece: Piece) -> None:
        """Make ``piece`` the most recent."""
        piece.kind, last = self, self.last
        piece.before, piece.after = last, None
        if last is None:
            self.first = piece
        else:
            last.after = piece
        self.last = piece

    def take_out(self, piece: Piece) -> None:
        """Let ``piece`` go."""
        before, after = piece.before, piece.after
        if before is None:
            self.first = after
        else:
            before.after = after
        if after is None:
            self.last = before
        else:
            after.before = before
