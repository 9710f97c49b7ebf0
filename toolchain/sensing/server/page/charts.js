// Drawing on canvases: pure functions of data and colours. Nothing is kept here.

// A canvas as sharp as the screen: [context, width, height] in CSS pixels, cleared.
export function sheet(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px " + getComputedStyle(document.body).fontFamily;
  return [context, width, height];
}

// seen: bytes [C, H, W]
export function drawFrame(canvas, seen, [colours, rows, columns]) {
  if (canvas.width !== columns || canvas.height !== rows) { canvas.width = columns; canvas.height = rows; }
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows), size = rows * columns;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = seen[(colours === 3 ? c : 0) * size + i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// One plane of packed bits, `first` bits into them, as a picture in two colours [r, g, b].
export function drawPlane(canvas, packed, first, rows, columns, one, zero) {
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const at = first + i, colour = (packed[at >> 3] >> (7 - (at & 7))) & 1 ? one : zero;
    image.data.set(colour, 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// Step functions of the thresholds [C][T] over the histogram of `seen`, beside a uniform one.
export function drawTone(canvas, thresholds, seen, colour) {
  const [context, width, height] = sheet(canvas);
  const levels = thresholds[0].length, left = 24, bottom = height - 18, top = 6, right = width - 6;
  const x = value => left + (right - left) * value / 256, y = level => bottom - (bottom - top) * level / levels;
  if (seen) {
    const bins = new Array(64).fill(0);
    for (const value of seen) bins[value >> 2]++;
    const most = Math.max(...bins);
    context.fillStyle = colour.blue; context.globalAlpha = .28;
    bins.forEach((count, i) => {
      const tall = (bottom - top) * Math.sqrt(count / most);
      context.fillRect(x(4 * i), bottom - tall, x(4) - x(0) - 1, tall);
    });
    context.globalAlpha = 1;
  }
  context.strokeStyle = colour.line; context.lineWidth = 1;
  context.strokeRect(left, top, right - left, bottom - top);
  context.setLineDash([4, 4]); context.strokeStyle = colour.soft;
  context.beginPath(); context.moveTo(x(0), y(0)); context.lineTo(x(256), y(levels)); context.stroke();
  context.setLineDash([]); context.lineWidth = 2; context.lineJoin = "round";
  thresholds.forEach((row, c) => {
    context.strokeStyle = thresholds.length === 1 ? colour.owl : [colour.bad, colour.good, colour.blue][c];
    context.beginPath(); context.moveTo(x(0), y(0));
    row.forEach((threshold, k) => { context.lineTo(x(threshold), y(k)); context.lineTo(x(threshold), y(k + 1)); });
    context.lineTo(x(256), y(levels)); context.stroke();
  });
  context.fillStyle = colour.soft; context.textAlign = "right";
  context.fillText(levels, left - 5, top + 9); context.fillText("0", left - 5, bottom);
  context.textAlign = "center"; context.fillText("0", left, height - 4);
  context.fillText("pixel value", (left + right) / 2, height - 4); context.textAlign = "right"; context.fillText("255", right, height - 4);
}

// values in 0..1, oldest first; the axis begins at the tenth below the least
export function drawRolling(canvas, values, colour) {
  const [context, width, height] = sheet(canvas);
  const known = values.filter(value => value !== null);
  const low = known.length ? Math.floor(10 * Math.min(...known, .9)) / 10 : .5;
  const y = value => height - 16 - (height - 24) * (value - low) / (1 - low);
  context.strokeStyle = colour.line; context.fillStyle = colour.soft; context.textAlign = "left";
  for (const share of [low, 1]) {
    context.beginPath(); context.moveTo(38, y(share)); context.lineTo(width, y(share)); context.stroke();
    context.fillText(`${Math.round(100 * share)} %`, 0, y(share) + 4);
  }
  context.strokeStyle = colour.good; context.lineWidth = 2; context.lineJoin = "round"; context.beginPath();
  values.forEach((value, i) => { if (value !== null) context.lineTo(40 + (width - 42) * i / Math.max(1, values.length - 1), y(value)); });
  context.stroke();
}

// past: frames {time, scores, decision, label, right, awake, lux}, oldest first; events: {time_s, name}; span in s
export function drawTrace(canvas, past, events, classes, span, colour) {
  const [context, width, height] = sheet(canvas);
  if (!past.length) return;
  const now = past[past.length - 1].time, left = 40, right = width - 8, pins = 24, lane = 20, lightLane = 26;
  const bottom = height - lane - lightLane - 12;
  const x = time => right - (right - left) * (now - time) / span;
  let least = Infinity, most = -Infinity;
  for (const frame of past) for (const score of frame.scores) { least = Math.min(least, score); most = Math.max(most, score); }
  const reach = Math.max(1, most - least);
  const y = score => bottom - 4 - (bottom - pins - 8) * (score - least) / reach;
  // A frame's place reaches back to the one before it, also where some between them were dropped.
  const from = i => x(i && past[i].time - past[i - 1].time < 1 ? past[i - 1].time : past[i].time) - .4;
  const block = (i, top, tall) => context.fillRect(from(i), top, x(past[i].time) - from(i) + .4, tall);

  context.fillStyle = colour.owlSoft;
  past.forEach((frame, i) => { if (frame.awake) block(i, pins, bottom - pins); });
  context.strokeStyle = colour.line; context.lineWidth = 1; context.fillStyle = colour.soft; context.textAlign = "right";
  for (let tick = Math.ceil(least / 100) * 100; tick <= most; tick += Math.max(100, 100 * Math.ceil(reach / 500))) {
    context.beginPath(); context.moveTo(left, y(tick)); context.lineTo(right, y(tick)); context.stroke();
    context.fillText(tick, left - 5, y(tick) + 4);
  }
  context.strokeStyle = colour.soft; context.globalAlpha = .35; context.lineJoin = "round";
  for (let c = 0; c < Math.min(classes.length, 20); c++) {
    context.beginPath();
    for (const frame of past) context.lineTo(x(frame.time), y(frame.scores[c]));
    context.stroke();
  }
  context.globalAlpha = 1; context.strokeStyle = colour.owl; context.lineWidth = 2.2; context.beginPath();
  for (const frame of past) context.lineTo(x(frame.time), y(frame.scores[frame.decision]));
  context.stroke();

  for (const event of events) {
    if (event.time_s < now - span) continue;
    const at = x(event.time_s), text = event.name, wide = context.measureText(text).width + 12;
    context.strokeStyle = colour.owl; context.lineWidth = 1.5;
    context.beginPath(); context.moveTo(at, pins - 4); context.lineTo(at, bottom); context.stroke();
    context.fillStyle = colour.owl; context.beginPath(); context.roundRect(at - wide / 2, 2, wide, pins - 6, 6); context.fill();
    context.fillStyle = colour.card; context.textAlign = "center"; context.fillText(text, at, 15);
  }

  // What was shown, where it is known: one block a run of equal labels.
  context.fillStyle = colour.soft; context.textAlign = "right"; context.fillText("label", left - 5, bottom + 17);
  for (let i = 0; i < past.length;) {
    let end = i;
    while (end < past.length && past[end].label === past[i].label) end++;
    if (past[i].label !== null) {
      for (let k = i; k < end; k++) {
        context.fillStyle = past[k].right ? colour.good : colour.bad;
        block(k, bottom + 5, lane - 4);
      }
      const begin = Math.max(left, from(i)), stop = x(past[end - 1].time);
      if (stop - begin > 9) {
        context.fillStyle = colour.card; context.textAlign = "center";
        context.fillText(classes[past[i].label], (begin + stop) / 2, bottom + 17);
      }
    }
    i = end;
  }
  // Light on a logarithmic scale that shows a decade at least.
  const logs = past.map(frame => Math.log10(Math.max(frame.lux, 1e-3)));
  const low = Math.min(...logs), high = Math.max(...logs), decades = Math.max(1, high - low);
  const light = log => height - 4 - (lightLane - 6) * (log - (low + high - decades) / 2) / decades;
  context.fillStyle = colour.soft; context.textAlign = "right"; context.fillText("light", left - 5, height - 9);
  context.strokeStyle = colour.blue; context.lineWidth = 1.8; context.beginPath();
  past.forEach((frame, i) => context.lineTo(x(frame.time), light(logs[i])));
  context.stroke();
}
