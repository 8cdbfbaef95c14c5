"""A page as PDF. The only file that knows WeasyPrint, which needs the library Pango but no browser."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
from weasyprint import HTML
from weasyprint.urls import URLFetcher


def pdf(page: str) -> bytes:
    """Return a self-contained HTML page as PDF, the same bytes for the same page.

    Tagged, so that it can be read aloud (PDF/UA-1). What the page would fetch from elsewhere is refused, and the PDF
    with it.
    """
    inside = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    return bytes(HTML(string=page, url_fetcher=inside).write_pdf(pdf_variant="pdf/ua-1") or b"")
