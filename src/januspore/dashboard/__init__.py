"""A data space in a browser, by signac-dashboard: progress, findings, figures, every job.

Nothing here changes a data space. `command.py` starts the server, `app.py` defines the pages, and
`access.py` restricts what a browser gets. The package needs the extra `dashboard`.
"""
