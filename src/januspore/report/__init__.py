"""The report: every figure of the paper beside this data space's, and what may be said of it.

`claims` holds the paper's statements and how each is judged, `collect` what the data space has,
`write` the page. It runs on whatever has finished and says what is missing.
"""
