"""One record per request: how it was served and what each stage took.

Simulator and runtime write the same columns, so a prediction and a measurement are two tables of
one schema.
"""

import msgspec
import pyarrow as pa


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """How one request was served; instants in seconds of the run, in the order of the columns.

    ``held_s`` is how long it occupied ``worker`` (-1: none, answered on arrival). Stage seconds are
    0 for what did not happen. ``donor``, ``similarity``, ``k1``, ``k2`` and ``active_share`` are
    ``None`` where the plan has none.
    """

    id: str
    arrival_s: float
    start_s: float
    finish_s: float
    held_s: float
    worker: int
    kind: str
    reason: str
    donor: int | None
    similarity: float | None
    k1: int | None
    k2: int | None
    active_share: float | None
    steps: int
    text_encode_s: float
    embed_s: float
    lookup_s: float
    load_s: float
    denoise_s: float
    vae_decode_s: float
    video_encode_s: float
    store_s: float
    load_bytes: int
    store_bytes: int


#: Stages in the order in which a request passes them.
STAGES = (
    "text_encode",
    "embed",
    "lookup",
    "load",
    "denoise",
    "vae_decode",
    "video_encode",
    "store",
)

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())

#: Arrow schema of the records.
RECORD_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("arrival_s", pa.float64()),
        ("start_s", pa.float64()),
        ("finish_s", pa.float64()),
        ("held_s", pa.float64()),
        ("worker", pa.int32()),
        ("kind", _DICTIONARY),
        ("reason", _DICTIONARY),
        ("donor", pa.int64()),
        ("similarity", pa.float64()),
        ("k1", pa.int32()),
        ("k2", pa.int32()),
        ("active_share", pa.float64()),
        ("steps", pa.int32()),
        *((f"{stage}_s", pa.float64()) for stage in STAGES),
        ("load_bytes", pa.int64()),
        ("store_bytes", pa.int64()),
    ]
)


def records_table(records: list[Record]) -> pa.Table:
    """Return the records as columns, in the order given."""
    columns = {
        name: [getattr(record, name) for record in records] for name in Record.__struct_fields__
    }
    return pa.table(
        {name: pa.array(columns[name], RECORD_SCHEMA.field(name).type) for name in columns},
        schema=RECORD_SCHEMA,
    )
