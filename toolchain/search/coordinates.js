// Parallel coordinates: a line per trial over all axes; a range dragged on an axis keeps the lines that pass there.
"use strict";
(() => {
  const { axes, lines } = JSON.parse(document.getElementById("trials").textContent);
  const svg = document.getElementById("coordinates");
  const chosen = document.getElementById("chosen");
  const TOP = 58, BOTTOM = 34, SIDE = 52, ABSENT = 16, GRIP = 24;
  const kept = axes.map(() => null); // [low, high] of what is kept on each axis, 0 at the bottom
  let width = 0, height = 0;

  const make = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
    return element;
  };
  const x = (axis) => SIDE + (axis * (width - 2 * SIDE)) / Math.max(1, axes.length - 1);
  const y = (place) => (place === null ? height - ABSENT : height - BOTTOM - place * (height - TOP - BOTTOM));

  const passes = (line) =>
    axes.every((axis, index) => {
      const place = axis.places[line];
      return kept[index] === null || (place !== null && place >= kept[index][0] && place <= kept[index][1]);
    });

  function show() {
    let count = 0;
    lines.forEach((line, index) => {
      const inside = passes(index);
      count += inside;
      line.path.setAttribute("class", inside ? (line.front ? "front" : "") : "out");
      line.inside = inside;
    });
    chosen.textContent = `${count} of ${lines.length} finished trials`;
    axes.forEach((axis, index) => {
      const range = kept[index];
      axis.rect.setAttribute("y", range ? y(range[1]) : 0);
      axis.rect.setAttribute("height", range ? Math.max(1, y(range[0]) - y(range[1])) : 0);
    });
  }

  function drag(grip, index) {
    const place = (event) => {
      const inside = event.clientY - svg.getBoundingClientRect().top;
      return Math.min(1, Math.max(0, (height - BOTTOM - inside) / (height - TOP - BOTTOM)));
    };
    let start = null;
    grip.addEventListener("pointerdown", (event) => {
      start = place(event);
      kept[index] = null;
      grip.setPointerCapture(event.pointerId);
      show();
    });
    grip.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const here = place(event);
      kept[index] = Math.abs(here - start) > 0.02 ? [Math.min(start, here), Math.max(start, here)] : null;
      show();
    });
    for (const end of ["pointerup", "pointercancel"]) grip.addEventListener(end, () => (start = null));
  }

  function draw() {
    ({ width, height } = svg.getBoundingClientRect());
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    lines.forEach((line, index) => {
      const points = axes.map((axis, at) => `${x(at).toFixed(1)} ${y(axis.places[index]).toFixed(1)}`);
      line.path = make("path", { d: `M${points.join("L")}` });
      line.path.addEventListener("pointerenter", () => {
        if (!line.inside) return;
        line.path.classList.add("near");
        chosen.textContent = `${line.name}: ${line.text}`;
      });
      line.path.addEventListener("pointerleave", () => show());
    });
    axes.forEach((axis, index) => {
      make("line", { x1: x(index), x2: x(index), y1: y(0), y2: y(1) });
      // Names of neighbours on three levels, so that they do not meet.
      make("text", { x: x(index), y: 12 + 15 * (index % 3), "text-anchor": "middle", class: "name" }, axis.name);
      for (const [place, label] of axis.ticks) make("text", { x: x(index) + 5, y: y(place) + 4 }, label);
      if (axis.places.includes(null)) make("text", { x: x(index) + 5, y: y(null) + 4 }, "left out");
      axis.rect = make("rect", { class: "kept", x: x(index) - 6, width: 12, y: 0, height: 0 });
      drag(make("rect", { class: "grip", x: x(index) - GRIP / 2, width: GRIP, y: TOP - 8, height: height - TOP - BOTTOM + 16 }), index);
    });
    // Lines of the front last, above the others.
    for (const line of lines) if (line.front) svg.insertBefore(line.path, svg.querySelector("line"));
    show();
  }

  new ResizeObserver(draw).observe(svg);
})();
