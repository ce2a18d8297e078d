"""What the models of all systems share: the declarative base and a few column types."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from sqlalchemy import CheckConstraint, DateTime, Numeric, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column


class Base(DeclarativeBase):
    """One metadata for all schemas, so one Alembic history and one `assert_indexes` cover it."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        Decimal: Numeric(12, 2),
        dict[str, Any]: JSONB(),
        uuid.UUID: Uuid(),
    }


UuidKey = Annotated[
    uuid.UUID, mapped_column(primary_key=True, server_default=func.gen_random_uuid())
]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]


def one_of(column: str, *values: str) -> CheckConstraint:
    """The check that makes a text column an enumeration."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_is_known")
