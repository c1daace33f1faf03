"""`python -m januspore check`: what this machine has, whether it computes rightly, and how fast.

What is tried runs in processes of its own (`trial`), so that a driver that crashes or hangs is a
finding and not the end. `command` asks for them, `bounds` says what is wrong, `advice` what to use.
"""
