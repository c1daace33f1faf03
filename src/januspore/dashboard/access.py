"""What a browser may have: with a token only, files of the data space only, nothing that runs.

Whoever has the token may read; nobody may write. What a file holds is shown as text or as a
picture, or handed over as a download: a page in the data space never runs a script here.
"""

import ipaddress
import secrets
from pathlib import Path

import flask
import signac

from ..errors import InputError

#: Characters of a token that somebody chooses.
LEAST = 16
#: Bytes of a file that a page shows.
SHOWN = 100_000
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}
TEXTS = (".txt", ".json", ".csv", ".md", ".log", ".toml")

#: Scripts are this package's own files; styles are set by the plots, too.
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src blob:; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: A report is a page of its own, with its pictures in it.
_REPORT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def token_for(host: str, given: str | None) -> str:
    """Return the token that opens the pages: the one given, else a new one.

    Args:
        host: the address that is listened at.
        given: what the user chose, None for none.

    Raises:
        InputError: others can reach the address and no token was chosen, or it is no good one.
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
    """Tell the browser to run nothing but this package's scripts, and to pass no address on."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _PAGE)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    return response


def inside(project: signac.Project, folder: str, name: str) -> Path:
    """Return the path of a file in a folder of the data space; links are followed.

    Aborts with 404 if there is no such file, or if it lies outside of the folder's data space,
    whatever path or link leads there. A workspace may itself be a link to another disk.
    """
    if "\0" not in name and ".." not in name.split("/") and not name.startswith("/"):
        path = Path(folder, name).resolve()
        roots = [Path(root).resolve() for root in (project.path, project.workspace)]
        if path.is_file() and any(path.is_relative_to(root) for root in roots):
            return path
    flask.abort(404, "There is no such file in this data space.")


def served(path: Path) -> flask.Response:
    """Hand a file over: a picture or the report to look at, anything else as a download."""
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
    """Return the text at the beginning of a file, and whether that is all of it."""
    with path.open("rb") as file:
        content = file.read(SHOWN + 1)
    return content[:SHOWN].decode("utf-8", "replace"), len(content) <= SHOWN
