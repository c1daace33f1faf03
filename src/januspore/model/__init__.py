"""The atoms: lattice, pore, force field, reservoirs, and the files that keep their state."""
