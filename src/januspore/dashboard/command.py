"""`python -m januspore dashboard`: serves the pages until it is told to stop."""

import logging
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..space.dataspace import find_project
from .access import token_for

#: Ports that are tried where none is asked for.
PORT, PORTS = 8888, 20
_NEEDED = ("signac_dashboard", "flask", "flask_login")


def dashboard(root: Path, host: str, port: str | None, token: str | None) -> None:
    """Serve the pages of a data space until Ctrl-C or SIGTERM.

    Args:
        root: the data space.
        host: the address to listen at.
        port: to listen at; None: the first that is free.
        token: that a browser must give; None: a new one, if only this machine can reach the pages.

    Raises:
        InputError: signac-dashboard is not installed, there is no data space, or an option cannot
            be used.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            f"the dashboard needs {missing[0]}, which is not installed: "
            "pip install 'januspore[dashboard]'"
        )
    token = token_for(host, token)
    listener = listen(host, port)
    with listener:
        from .app import ViewedProject

        server = serve(find_project(root, ViewedProject), token, listener)
        print(f"http://{_in_url(host)}:{listener.getsockname()[1]}/login?token={token}")
        print("Open it in a browser; whoever has the token may look. Ctrl-C stops it.", flush=True)
        server.serve_forever()


def serve(project: Any, token: str, listener: socket.socket) -> Any:
    """Return a server of a project's pages, at a socket that listens; `serve_forever` starts it."""
    from werkzeug.serving import make_server

    from .app import SpaceDashboard

    # Each request's line, which has the token in it, is nobody's business.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = listener.getsockname()[:2]
    pages = SpaceDashboard(project, token, port)
    return make_server(host, port, pages.app, threaded=True, fd=listener.fileno())


def listen(host: str, port: str | None) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        InputError: it is no address or port of this machine, or another program is at it.
    """
    numbers = range(PORT, PORT + PORTS) if port is None else [_number(port)]
    try:
        family, *_ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"--host = {host}: no address: {error.strerror}") from None
    told = ""
    for number in numbers:
        try:
            return socket.create_server((host, number), family=family)
        except OSError as error:
            told = f"{error.strerror}".lower()
            if number and "use" not in told:
                break
    asked = f"--port = {port}" if port is not None else f"ports {PORT} to {PORT + PORTS - 1}"
    raise InputError(f"{asked} at {host}: {told}; --port 0 takes one that is free")


def _number(port: str) -> int:
    if port.isdecimal() and int(port) < 65536:
        return int(port)
    raise InputError(f"--port = {port}: must be a whole number from 0 to 65535")


def _in_url(host: str) -> str:
    """The name by which a browser finds this machine."""
    if host in ("", "0.0.0.0", "::"):  # all of its addresses
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
