"""Access rules: a token is required, and only files of the data space are served, never to run.

The token gives read access; nothing can be written. Files are shown as text or as pictures, or are
sent as downloads, so a script in an HTML file of the data space never runs with the token's rights.
"""

import ipaddress
import secrets
from pathlib import Path

import flask
import signac

from ..errors import InputError

#: Least number of characters of a token that the user chooses.
LEAST = 16
#: Bytes of a text file that a page shows.
SHOWN = 100_000
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}
TEXTS = (".txt", ".json", ".csv", ".md", ".log", ".toml")

#: Content security policy of pages: scripts only from this package's files. Styles may be inline,
#: as the plots set them.
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src blob:; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Policy of the report, a page that contains its pictures and needs no script.
_REPORT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def token_for(host: str, given: str | None) -> str:
    """Return the token that opens the pages: the one given, else a new one.

    Args:
        host: the address that the server listens on.
        given: the user's token, None for none.

    Raises:
        InputError: other machines can reach the address and no token was given, or the token is
            too short or has other characters than letters and digits.
    """
    if given is None:
        if not _is_loopback(host):
            raise InputError(
                f"--host = {host}: other machines can reach it; choose a --token, of at least "
                f"{LEAST} letters and digits, that they must give"
            )
        return secrets.token_urlsafe(24)
    if len(given) < LEAST or not given.isascii() or not given.isalnum():
        raise InputError(
            f"--token of {len(given)} characters: must be at least {LEAST} letters and digits"
        )
    return given


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def secure(response: flask.Response) -> flask.Response:
    """Set headers that let the browser run only this package's scripts and send no referrer."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _PAGE)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    return response


def inside(project: signac.Project, folder: str, name: str) -> Path:
    """Return the path of a file in a folder of the data space; links are followed.

    Aborts with 404 if there is no such file, or if it lies outside the data space after links are
    resolved. The workspace may be a link to another disk, so its target is allowed as well.
    """
    if "\0" not in name and ".." not in name.split("/") and not name.startswith("/"):
        path = Path(folder, name).resolve()
        roots = [Path(root).resolve() for root in (project.path, project.workspace)]
        if path.is_file() and any(path.is_relative_to(root) for root in roots):
            return path
    flask.abort(404, "There is no such file in this data space.")


def served(path: Path) -> flask.Response:
    """Send a file: a picture or the report to be shown, any other file as a download."""
    kind = PICTURES.get(path.suffix)
    report = path.name == "report.html"
    response = flask.send_file(
        path,
        mimetype=kind or ("text/html" if report else "application/octet-stream"),
        as_attachment=not (kind or report),
        download_name=path.name,
        conditional=True,
        max_age=0,
    )
    response.headers["Content-Security-Policy"] = _REPORT if report else "sandbox"
    return response


def beginning(path: Path) -> tuple[str, bool]:
    """Return the first `SHOWN` bytes of a file as text, and whether that is the whole file."""
    with path.open("rb") as file:
        content = file.read(SHOWN + 1)
    return content[:SHOWN].decode("utf-8", "replace"), len(content) <= SHOWN
