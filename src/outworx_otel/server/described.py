"""What the structs of JSON answers are described with: OpenAPI's schemas are made of them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""UTC, as `iso_time` writes it."""

Whole = Annotated[int, Meta(ge=0)]


def says(text: str, **schema: Any) -> Meta:
    """What a field is, and what else its schema has."""
    return Meta(description=text, extra_json_schema=schema or None)


REFERENCE: Final = "#/components/schemas/{name}"
"""How a schema is named in another one."""

ListedDelivery = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": REFERENCE.format(name="Summary")})]
"""A delivery as lists show it: its schema comes out of the table of fields."""
