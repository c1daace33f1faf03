"""From records to numbers: array functions, and the sums that are kept for each job.

`VERSION` is part of every product's digest. Raise it when a change here changes a number: every
analysis and every product is then made again.
"""

VERSION = 6
