"""`python -m januspore check`: engines and devices of this machine, their correctness and speed.

Each trial runs in a process of its own (`trial`), so that a driver that crashes or hangs is a
finding and does not end the check. `command` starts them, `bounds` judges them, `advice`
recommends.
"""
