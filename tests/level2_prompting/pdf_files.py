"""Small PDFs, written by hand: what a page draws is given in PDF's own operators."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO


def said(*lines: str) -> bytes:
    """The operators that write these lines."""
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    return f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode("latin-1")


def pdf(pages: Sequence[bytes], forms: Sequence[bytes] = (), count: int | None = None) -> bytes:
    """A PDF with a page for each of these streams.

    Args:
        forms: streams that the pages and each other may draw, as /X0, /X1 …
        count: how often each page is listed; once by default.
    """
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    first_form = 4 + 2 * len(pages)
    drawn = " ".join(f"/X{n} {first_form + n} 0 R" for n in range(len(forms)))
    resources = f"<< /Font << /F1 3 0 R >> /XObject << {drawn} >> >>".encode()
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, content in enumerate(pages):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
        objects.append(page.encode() + b"/Resources " + resources + b" >>")
        objects.append(_stream(content, b""))
    for form in forms:
        about = b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources " + resources
        objects.append(_stream(form, about))
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)) for _ in range(count or 1))
    objects[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages) * (count or 1)} >>".encode()
    return _file(objects)


def _stream(content: bytes, about: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    head = b"<< /Length %d /Filter /FlateDecode %s >>" % (len(packed), about)
    return head + b"\nstream\n" + packed + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    out = BytesIO(b"%PDF-1.7\n")
    out.seek(0, 2)
    places = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()
