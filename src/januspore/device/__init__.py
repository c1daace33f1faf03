"""The compact device model of a pore: a current that depends on one slow state, the water's order.

The model is fitted to the analyses of one membrane and pore, compared with those that it was not
fitted to, and exported for circuit simulators.
"""
