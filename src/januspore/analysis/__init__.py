"""From records to numbers: small array functions, and what is kept for each job.

`VERSION` is part of every product's digest: raise it when a change here changes a number, and
every analysis and aggregate is made again.
"""

VERSION = 5
