"""Parses XML from outside: no document type, no own entities, no network, every error with its line."""

from dataclasses import dataclass, field

from lxml import etree
from lxml.etree import _Element as Element

from errors import BadInput

__all__ = ["Document", "Element", "parse", "refused"]


@dataclass(frozen=True)
class Document:
    """A parsed description, or a file that it includes.

    Args:
        file: Its path in the recipe.
        root: Its `<image>`.
        included: The files of those children of the root that come from included files.
    """

    file: str
    root: Element
    included: dict[Element, str] = field(default_factory=dict)

    def place(self, element: Element) -> str:
        """Return the file and the line of an element, for messages."""
        return f"{self.file_of(element)}, line {element.sourceline}"

    def file_of(self, element: Element) -> str:
        """Return the file that an element comes from."""
        top = element
        while (parent := top.getparent()) is not None and parent is not self.root:
            top = parent
        return self.included.get(top, self.file)


def parse(data: bytes, file: str) -> Document:
    """Parse a file whose root element is `<image>`, in any encoding that lxml reads.

    Args:
        data: The file's content.
        file: Its path in the recipe, for messages.

    Raises:
        BadInput: Not well-formed XML, with a document type or entities, or with another root element.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if b"<!DOCTYPE" in data:
            # The likely cause: the parser stops at entities that expand to too much text.
            raise _document_type(data, file) from error
        message = error.msg.partition(", line ")[0]
        raise BadInput(f"{file}, line {error.lineno}: not valid XML: {message}", resolution="correct it") from error
    except (ValueError, LookupError) as error:
        raise BadInput(f"{file}: not valid XML: {error}", resolution="correct it") from error
    document = Document(file, root)
    if root.getroottree().docinfo.internalDTD is not None:
        raise _document_type(data, file)
    for node in root.iter(etree.Entity):
        raise refused(
            document,
            node,
            f"the entity {node.text} is not defined",
            "write the character itself",
        )
    if root.tag != "image":
        raise refused(document, root, f"the root element is <{root.tag}>, not <image>", "use a kiwi description")
    return document


def refused(document: Document, element: Element, why: str, resolution: str) -> BadInput:
    """Return the error that refuses a document because of one of its elements."""
    return BadInput(f"{document.place(element)}: {why}", resolution=resolution)


def _document_type(data: bytes, file: str) -> BadInput:
    line = data.partition(b"<!DOCTYPE")[0].count(b"\n") + 1
    return BadInput(
        f"{file}, line {line}: a document type (<!DOCTYPE …>) and entities that it defines are not allowed",
        resolution="remove it",
    )
