"""The tables of the four systems. Importing this package fills `Base.metadata`."""

from example_project.models import earlybird, grove, saas, upstream
from example_project.models.base import Base

__all__ = ["Base", "earlybird", "grove", "saas", "upstream"]
