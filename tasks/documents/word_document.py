"""The transcript as a Word document: title, facts, headings, and paragraphs with the times at which they begin."""

import io
import zipfile
from datetime import UTC, datetime

from docx import Document
from docx.document import Document as WordDocument
from docx.oxml import OxmlElement
from docx.shared import Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph

from tasks.documents.head import facts, plain
from tasks.documents.material import Material
from tasks.transcription.gaps import clock

_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""The earliest time a ZIP can hold: a file that is made twice has the same bytes."""

_RIGHT_TO_LEFT = frozenset(("ar", "fa", "he", "ps", "sd", "ur", "yi"))
_GREY = RGBColor(0x60, 0x60, 0x60)
_SMALL = Pt(9)


def to_docx(material: Material) -> bytes:
    """Return the transcript as an Office Open XML document."""
    document = Document()
    _describe(document, material)
    document.add_paragraph(plain(material.job.name), style="Title")
    _add_grey(document.add_paragraph(), facts(material))
    for paragraph in material.paragraphs:
        written = document.add_paragraph(style="Heading 1" if paragraph.is_heading else None)
        if not paragraph.is_heading:
            _add_grey(written, f"{clock(paragraph.start)}  ")
        if paragraph.label:
            written.add_run(plain(paragraph.label) + " ").bold = True
        spoken = written.add_run(plain(paragraph.text))
        if material.standard.language in _RIGHT_TO_LEFT:
            written.paragraph_format.element.get_or_add_pPr().append(OxmlElement("w:bidi"))
            spoken.font.rtl = True
    return _packed(document)


def _describe(document: WordDocument, material: Material) -> None:
    properties = document.core_properties
    when = material.processing.finished_at or _EPOCH
    properties.title = plain(material.job.name)[:255]
    properties.author = "Batchscribe"
    properties.comments = ""
    properties.language = material.standard.language
    properties.created = properties.modified = when


def _add_grey(paragraph: WordParagraph, text: str) -> None:
    run = paragraph.add_run(text)
    run.font.color.rgb = _GREY
    run.font.size = _SMALL


def _packed(document: WordDocument) -> bytes:
    """Return the file, its parts in one order and at one time, so that the same document gives the same bytes."""
    saved, packed = io.BytesIO(), io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            entry = zipfile.ZipInfo(part.filename, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(part))
    return packed.getvalue()
