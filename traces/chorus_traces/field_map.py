"""The field map: which foreign column holds which of our fields."""

from chorus_traces.errors import TraceError, unknown
from chorus_traces.request import REQUEST_FIELDS

#: Fields a map can name: those of a request, and the two a row may carry beside them.
MAPPABLE_FIELDS = (*REQUEST_FIELDS, "timestamp", "embedding")


def parse_field_map(text: str) -> dict[str, str]:
    """Return the map written as ``prompt=text,timestamp=created_at`` (our name = foreign name).

    Two fields may share one foreign column. Raises ``TraceError`` on a pair without ``=``, an
    unknown field, or a field that is named twice.
    """
    field_map: dict[str, str] = {}
    for pair in text.split(","):
        name, sign, column = (part.strip() for part in pair.partition("="))
        if not (name and sign and column):
            raise TraceError(
                f"field map: got {pair.strip()!r}; FIELD=COLUMN is needed, "
                "as in prompt=text,timestamp=created_at"
            )
        if name in field_map:
            raise TraceError(f"field map: {name!r} is mapped twice; name each field once")
        field_map[name] = column
    check_field_map(field_map)
    return field_map


def check_field_map(field_map: dict[str, str]) -> None:
    """Raise ``TraceError`` when the map names a field that no request has."""
    for name in field_map:
        if name not in MAPPABLE_FIELDS:
            raise TraceError(f"field map: {unknown('field', name, MAPPABLE_FIELDS)}")
