"""A data space in a browser, on signac-dashboard: what is done, what was found, each job.

Nothing here changes a data space. `command.py` starts it, `app.py` says which page is made of what,
`access.py` what a browser may have. It needs the extra `dashboard`.
"""
