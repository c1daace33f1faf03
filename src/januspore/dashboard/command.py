"""`python -m januspore dashboard`: serves the pages until it is interrupted."""

import logging
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..space.dataspace import find_project
from .access import token_for

#: First port, and number of ports, that are tried if the user names none.
PORT, PORTS = 8888, 20
_NEEDED = ("signac_dashboard", "flask", "flask_login")


def dashboard(root: Path, host: str, port: str | None, token: str | None) -> None:
    """Serve the pages of a data space until Ctrl-C or SIGTERM.

    Args:
        root: the data space.
        host: the address to listen on.
        port: the port to listen on; None: the first free one.
        token: the token that a browser must give; None: a new one, allowed only if no other machine
            can reach the address.

    Raises:
        InputError: signac-dashboard is not installed, there is no data space, or an option is not
            valid.
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
        print("Open this address in a browser; its token gives read access. ", end="")
        print("Ctrl-C stops the server.", flush=True)
        server.serve_forever()


def serve(project: Any, token: str, listener: socket.socket) -> Any:
    """Return a server of a project's pages on a listening socket; `serve_forever` starts it."""
    from werkzeug.serving import make_server

    from .app import SpaceDashboard

    # The log of requests would print the token to the terminal.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = listener.getsockname()[:2]
    pages = SpaceDashboard(project, token, port)
    return make_server(host, port, pages.app, threaded=True, fd=listener.fileno())


def listen(host: str, port: str | None) -> socket.socket:
    """Return a socket that listens on an address.

    Raises:
        InputError: the address or port is not valid on this machine, or the port is in use.
    """
    numbers = range(PORT, PORT + PORTS) if port is None else [_number(port)]
    try:
        family, *_ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"--host = {host}: not an address: {error.strerror}") from None
    told = ""
    for number in numbers:
        try:
            return socket.create_server((host, number), family=family)
        except OSError as error:
            told = f"{error.strerror}".lower()
            if number and "use" not in told:
                break
    asked = f"--port = {port}" if port is not None else f"ports {PORT} to {PORT + PORTS - 1}"
    raise InputError(f"{asked} at {host}: {told}; --port 0 chooses a free one")


def _number(port: str) -> int:
    if port.isdecimal() and int(port) < 65536:
        return int(port)
    raise InputError(f"--port = {port}: must be a whole number from 0 to 65535")


def _in_url(host: str) -> str:
    """Return the host for an address that a browser can open."""
    if host in ("", "0.0.0.0", "::"):  # all addresses of this machine
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
