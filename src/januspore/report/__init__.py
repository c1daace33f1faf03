"""The report: every figure of the paper beside this data space's, and a verdict on its statements.

`claims` has the paper's statements and how each is judged, `collect` reads the products of the data
space, `write` makes the page. It uses all finished products and names the missing ones.
"""
