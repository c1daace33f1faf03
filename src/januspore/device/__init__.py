"""The compact device model: one slow state, the order of the pore's water, and a current of it.

It is fitted to the records of one membrane and pore, says how well it predicts those that it was
not fitted to, and is exported for circuit simulators.
"""
