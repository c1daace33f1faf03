"""The state point, and the equilibration that a driven job starts from."""

from pydantic import Field, model_validator

from ..materials import MATERIALS, NO_MEMBRANE, SPECIES
from ..protocols import (
    AnyProtocol,
    Equilibrate,
    Protocol,
    Recording,
)
from ..values import SEED_END, Section, Whole
from .charges import ChargeSet


class StatePoint(Section):
    """One job: a charge set, a protocol and a seed."""

    charge_set: ChargeSet
    protocol: Protocol
    seed: Whole = Field(ge=0, lt=SEED_END)

    @model_validator(mode="after")
    def _membrane_or_bulk(self) -> "StatePoint":
        name, material = self.protocol.name, self.charge_set.material
        if self.protocol.bulk and material != NO_MEMBRANE:
            raise ValueError(
                f"charge_set.material = {material!r}: protocol {name!r} has no membrane; its "
                f"charge set is material = {NO_MEMBRANE!r} alone"
            )
        if not self.protocol.bulk and material == NO_MEMBRANE:
            raise ValueError(
                f"charge_set.material = {material!r}: protocol {name!r} needs a membrane: one of "
                f"{', '.join(MATERIALS)}"
            )
        return self

    def _membrane_edges(self) -> tuple[float, float]:
        """Edges of the membrane along y and z, nm."""
        cell, (y, z) = self.protocol.cell, MATERIALS[self.charge_set.material].cell_nm
        return cell.repeats_y * y, cell.repeats_z * z

    @model_validator(mode="after")
    def _cell_holds_cutoff(self) -> "StatePoint":
        cutoff = self.protocol.dynamics.cutoff_nm
        for key, edge in self._edges().items():
            if edge <= 2 * cutoff:
                raise ValueError(
                    f"protocol.{key} gives an edge of {edge:.3f} nm; it must be above twice "
                    f"dynamics.cutoff_nm, {2 * cutoff:.3f} nm"
                )
        return self

    def _edges(self) -> dict[str, float]:
        """Edges of the box, nm, the membrane's part of it left out, by the key that gives each."""
        if self.protocol.bulk:
            return {"cell.edge_nm": self.protocol.bulk.edge_nm}
        edge_y, edge_z = self._membrane_edges()
        return {
            "cell.repeats_y": edge_y,
            "cell.repeats_z": edge_z,
            "cell.reservoir_nm": 2 * self.protocol.cell.reservoir_nm,
        }

    @model_validator(mode="after")
    def _pore_fits(self) -> "StatePoint":
        if self.protocol.bulk:
            return self
        cell = self.protocol.cell
        if min(self._membrane_edges()) < cell.pore_diameter_nm + 0.6:
            raise ValueError(
                f"protocol.cell.pore_diameter_nm = {cell.pore_diameter_nm} leaves less than "
                "0.6 nm of membrane between the pore and its periodic image"
            )
        return self

    @model_validator(mode="after")
    def _parameters_are_meant(self) -> "StatePoint":
        if self.protocol.force_field.generic_lennard_jones:
            return self
        for name in self.charge_set.charges:
            own = SPECIES[name]
            if own.generic:
                raise ValueError(
                    f"no Lennard-Jones parameters of {name} were fitted to a dichalcogenide; "
                    f"protocol.force_field.generic_lennard_jones = true takes sigma "
                    f"{own.sigma_nm:g} nm and epsilon {own.epsilon_kJ_per_mol:g} kJ/mol "
                    f"({own.source})"
                )
        return self

    @model_validator(mode="after")
    def _protocol_fits(self) -> "StatePoint":
        if not self.protocol.bulk:
            self.protocol.check_fits(self._membrane_edges())
        return self

    @model_validator(mode="after")
    def _regions_fit(self) -> "StatePoint":
        if self.protocol.bulk:
            return self
        recording, depth = self.protocol.recording, self.protocol.cell.reservoir_nm
        for key in ("pore_half_length_nm", "slab_half_width_nm", "gate_nm", "bulk_width_nm"):
            if getattr(recording, key) >= depth:
                raise ValueError(
                    f"protocol.recording.{key} = {getattr(recording, key):g} must be below "
                    f"cell.reservoir_nm, {depth:g}"
                )
        return self


def parent_of(point: StatePoint) -> StatePoint | None:
    """Return the equilibrate state point a driven job starts from; None for equilibrate itself."""
    protocol = point.protocol
    eq, sample = protocol.starts_from, protocol.recording.sample_interval_ps
    if eq is None:
        return None
    return StatePoint(
        charge_set=point.charge_set,
        protocol=Equilibrate(
            cell=protocol.cell,
            force_field=protocol.force_field,
            dynamics=protocol.dynamics,
            # Only the sample interval affects a start state. The other recording keys are left out,
            # so that studies that differ in them share their equilibrations.
            recording=Recording(
                sample_interval_ps=sample, energy_interval_ps=10 * sample, frame_interval_ps=sample
            ),
            relax_ps=eq.relax_ps,
            snapshot_interval_ps=eq.snapshot_interval_ps,
        ),
        seed=equilibration_of(protocol, point.seed),
    )


def equilibration_of(protocol: AnyProtocol, seed: int) -> int:
    """Return the seed of the equilibration that a job starts from; an equilibration's own seed."""
    eq = protocol.starts_from
    return seed if eq is None else seed % eq.count


def snapshot_of(point: StatePoint) -> int:
    """Return the index of the equilibration's snapshot that this driven job starts from."""
    eq = point.protocol.starts_from
    return 0 if eq is None else point.seed // eq.count
