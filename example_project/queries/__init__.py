"""The application's queries, as statements. Every index exists for at least one of them."""

from example_project.queries import earlybird, grove, saas, upstream

__all__ = ["earlybird", "grove", "saas", "upstream"]
