// The last configuration, rotating about the y axis. Lengths arrive in nm; the viewer needs angstroms.
"use strict";
(() => {
  const box = document.getElementById("frame");
  if (!box) return;
  const told = box.querySelector(".told");
  const waters = box.querySelector("select");
  const turning = box.querySelector("button");
  const SPEED = 0.4;

  function atomsOf(found) {
    return found.atoms.map((kind, k) => ({
      elem: found.species[kind].name,
      x: 10 * found.places[3 * k],
      y: 10 * found.places[3 * k + 1],
      z: 10 * found.places[3 * k + 2],
      serial: k,
      bonds: [],
      bondOrder: [],
    }));
  }

  function bond(atoms, oxygens) {
    for (const o of oxygens) {
      for (const h of [o + 1, o + 2]) {
        atoms[o].bonds.push(h);
        atoms[o].bondOrder.push(1);
        atoms[h].bonds.push(o);
        atoms[h].bondOrder.push(1);
      }
    }
  }

  function edges(viewer, box_nm) {
    const [a, b, c] = box_nm.map((edge) => 5 * edge);
    const corner = (i) => ({ x: i & 1 ? a : -a, y: i & 2 ? b : -b, z: i & 4 ? c : -c });
    for (let i = 0; i < 8; i += 1) {
      for (const bit of [1, 2, 4]) {
        if (!(i & bit)) viewer.addLine({ start: corner(i), end: corner(i | bit), color: "#999999" });
      }
    }
  }

  function key(found) {
    const line = box.querySelector(".key");
    for (const species of found.species) {
      const entry = document.createElement("span");
      const dot = document.createElement("i");
      dot.style.background = species.color;
      entry.append(dot, species.name);
      line.append(entry);
    }
  }

  function begin(found) {
    const viewer = $3Dmol.createViewer(box.querySelector(".scene"), { backgroundColor: "white" });
    const atoms = atomsOf(found);
    bond(atoms, found.oxygens);
    const model = viewer.addModel();
    model.addAtoms(atoms);
    const water = new Set(["O", "H"]);
    const pore = new Set(found.in_pore.flatMap((o) => [o, o + 1, o + 2]));

    function style() {
      for (const species of found.species) {
        const own = { color: species.color, radius: 7 * species.radius };
        const shown = water.has(species.name) ? {} : { sphere: own };
        viewer.setStyle({ elem: species.name }, shown);
        if (!water.has(species.name)) continue;
        const stick = { color: species.color, radius: 0.15 };
        if (waters.value === "all") viewer.setStyle({ elem: species.name }, { line: { color: species.color } });
        if (waters.value !== "none") {
          const inside = { elem: species.name, predicate: (atom) => pore.has(atom.serial) };
          viewer.setStyle(inside, { stick, sphere: { color: species.color, radius: 6 * species.radius } });
        }
      }
      viewer.render();
    }

    edges(viewer, found.box);
    key(found);
    style();
    viewer.zoomTo();
    viewer.rotate(75, "y");
    viewer.rotate(12, "x");
    viewer.zoom(1.1);
    viewer.render();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let turns = !still;
    const turn = () => {
      viewer.spin(turns ? "y" : false, SPEED);
      turning.setAttribute("aria-pressed", turns);
      turning.textContent = turns ? "Stop turning" : "Turn";
    };
    turn();
    turning.addEventListener("click", () => { turns = !turns; turn(); });
    waters.addEventListener("change", style);
    told.textContent = `${found.atoms.length} atoms at ${found.time_ps} ps; drag to turn, scroll to zoom`;
    box.dataset.shown = found.atoms.length;
  }

  fetch(box.dataset.from)
    .then((answer) => answer.json())
    .then((found) => {
      if (found.fault) told.textContent = found.fault;
      else begin(found);
    })
    .catch((error) => { told.textContent = `The frame cannot be shown: ${error.message}`; });
})();
