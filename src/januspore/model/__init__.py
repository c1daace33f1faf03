"""The atoms: membrane lattice, pore, force field, reservoirs, and the frames they are kept in."""
