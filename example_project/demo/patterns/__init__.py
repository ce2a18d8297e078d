"""The query patterns of the four documents."""

from example_project.demo.patterns import earlybird, grove, saas, upstream

DOCUMENTS = (earlybird.DOCUMENT, upstream.DOCUMENT, saas.DOCUMENT, grove.DOCUMENT)
