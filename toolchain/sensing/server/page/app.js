// The page of `owlbit sense`: takes what comes over the websocket, draws the latest frame, and sends what a person changes.
import { drawFrame, drawPlane, drawRolling, drawTone, drawTrace } from "/charts.js";

const SPAN = 12, TEXT_MS = 100, MOST_PLANES = 64, MOST_SCORES = 10, MOST_EVENTS = 200, MOST_MV = 40;
const $ = id => document.getElementById(id);
const past = [], rolling = [], events = [];
const token = new URLSearchParams(location.hash.slice(1)).get("token"); // after #, where no server and no log sees it
let about = null, latest = null, socket = null, fresh = false, written = 0, rate = null, colour = {}, touched = {}, retry = 500;

// Figures for people.
const digits = (value, count = 3) => Number(value.toPrecision(count)).toLocaleString("en", { maximumFractionDigits: 6 });
function unit(value, symbol) {
  if (!value) return `0 ${symbol}`;
  const prefixes = [[1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];
  const [scale, prefix] = prefixes.find(([each]) => Math.abs(value) >= each) ?? prefixes.at(-1);
  return `${digits(value / scale)} ${prefix}${symbol}`;
}
const width = share => `${100 * share}%`;
const percent = (share, places = 1) => `${(100 * share).toFixed(share === 1 ? 0 : places)} %`;
const clock = seconds => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
const lightOf = slider => 10 ** Number(slider), mismatchOf = slider => MOST_MV * (slider / 100) ** 2;

function readColours() {
  const style = getComputedStyle(document.documentElement), named = name => style.getPropertyValue(name).trim();
  colour = { owl: named("--owl"), owlSoft: named("--owl-soft"), good: named("--good"), bad: named("--bad"), blue: named("--blue"),
    soft: named("--soft"), line: named("--line"), card: named("--card"), well: named("--well") };
  const channels = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  colour.one = channels(colour.owl); colour.zero = channels(colour.well);
}

// What does not change: built once.
function build(hello) {
  about = hello;
  past.length = rolling.length = events.length = 0;
  latest = null;
  const [colours, rows, columns] = hello.shape, levels = hello.thresholds[0].length, planes = colours * levels;
  $("network").textContent = [hello.name, `${columns} × ${rows} ${colours === 3 ? "RGB" : colours === 1 ? "gray" : `× ${colours}`}`,
    `${levels} thresholds`, `${digits(hello.weight_bits / 1000)} kbit`].join(" · ");
  document.title = `owlbit: ${hello.name}, live`;
  $("note").hidden = !hello.note;
  $("note").textContent = hello.note;
  document.documentElement.style.setProperty("--aspect", `${columns} / ${rows}`);
  $("planes").style.setProperty("--own", planes <= 4 ? 2 : planes <= 9 ? 3 : planes <= 16 ? 4 : 6);
  $("planes").replaceChildren(...Array.from({ length: Math.min(planes, MOST_PLANES) }, (_, plane) => {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas"), caption = document.createElement("figcaption");
    canvas.width = columns; canvas.height = rows;
    const channel = colours === 3 ? "RGB"[Math.floor(plane / levels)] + " " : "";
    caption.textContent = `${channel}≥ ${hello.thresholds[Math.floor(plane / levels)][plane % levels]}`;
    canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", `Bits where the pixel is ${caption.textContent}`);
    figure.append(canvas, caption);
    return figure;
  }));
  $("layers").replaceChildren(...hello.layers.map(name => row(name)));
  $("scores").replaceChildren(...Array.from({ length: Math.min(hello.classes.length, MOST_SCORES) }, () => row("")));
  $("span").textContent = `the latest ${SPAN} s`;
  const policy = hello.policy;
  $("policy").textContent = `The host is woken where ${policy.needed} of the last ${policy.of} frames agree, each with a margin of at least ` +
    `${policy.margin} and a contrast of at least ${percent(policy.contrast, 0)}; then not for ${policy.hold_off_frames} frames.`;
  $("constants").replaceChildren(...Object.entries(hello.energy).map(([name, constant]) => {
    const input = Object.assign(document.createElement("input"), { type: "text", inputMode: "decimal", value: constant.value, name });
    input.setAttribute("aria-label", `${name.replaceAll("_", " ")} in ${constant.unit}`);
    input.addEventListener("change", () => send({ energy: name, value: Number(input.value) }));
    return cells([name.replaceAll("_", " "), ""], [input, "n"], [constant.unit, ""], [constant.source, ""]);
  }));
  $("measured").replaceChildren(...hello.measured.map(([power, what, source]) => cells([power, "n"], [what, ""], [source, ""])));
  for (const event of hello.events) events.push(event);
  listEvents();
}

function row(name) {
  const item = document.createElement("li"), bar = document.createElement("div");
  bar.className = "bar"; bar.append(document.createElement("i"));
  item.append(Object.assign(document.createElement("span"), { textContent: name }), bar, document.createElement("span"));
  return item;
}
function cells(...contents) {
  const line = document.createElement("tr");
  for (const [content, kind] of contents) {
    const cell = document.createElement("td");
    cell.className = kind; cell.append(content);
    line.append(cell);
  }
  return line;
}

// What comes.
function takeFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const size = about.shape.reduce((product, each) => product * each);
  frame.seen = new Uint8Array(buffer, 4 + length, size);
  frame.packed = new Uint8Array(buffer, 4 + length + size);
  measureRate(frame.index);
  if (!latest || frame.index > latest.index) {
    const right = frame.label === null ? null : frame.label === frame.decision;
    past.push({ time: frame.time_s, scores: frame.scores, decision: frame.decision, label: frame.label, right, awake: frame.awake, lux: frame.lux });
    while (past.length && past[0].time < frame.time_s - SPAN) past.shift();
    if (frame.label !== null) { rolling.push(frame.recent); if (rolling.length > 600) rolling.shift(); }
  }
  latest = frame;
  showSetting(frame.setting);
  fresh = true;
}
let counted = null;
function measureRate(index) {
  const now = performance.now();
  if (!counted || index < counted.index) counted = { index, now };
  if (now - counted.now < 1000) return;
  rate = 1000 * (index - counted.index) / (now - counted.now);
  counted = { index, now };
}
function takeEvent(event) {
  events.push(event);
  if (events.length > MOST_EVENTS) events.shift();
  listEvents();
  $("said").textContent = `Woken: ${event.name}, margin ${event.margin}`;
}
function listEvents() {
  $("no-events").hidden = events.length > 0;
  $("events").replaceChildren(...events.slice(-60).reverse().map(event => {
    const known = event.label !== null, right = event.label === event.decision;
    const name = Object.assign(document.createElement("b"), { textContent: event.name });
    return cells([clock(event.time_s), ""], [name, ""], [known ? `${about.classes[event.label]} ${right ? "✓" : "✗"}` : "–", known ? (right ? "right" : "wrong") : ""],
      [event.margin, "n"], [`${digits(event.lux)} lx`, "n"]);
  }));
}
function showSetting(setting) {
  const now = performance.now();
  if (!(now - touched.light < 600)) { $("light").value = Math.log10(Math.max(setting.lux, .01)); labelSlider("light", setting.lux); }
  if (!(now - touched.mismatch < 600)) { $("mismatch").value = 100 * Math.sqrt(Math.min(setting.mismatch_mv, MOST_MV) / MOST_MV); labelSlider("mismatch", setting.mismatch_mv); }
  $("pause").setAttribute("aria-pressed", setting.paused);
  $("pause").textContent = setting.paused ? "Resume" : "Pause";
  document.body.dataset.paused = setting.paused;
  for (const [name, value] of Object.entries(setting.energy ?? {})) {
    const input = document.querySelector(`#constants [name="${name}"]`);
    if (input) input.value = value;
  }
}
function labelSlider(name, value) {
  const text = name === "light" ? `${digits(value)} lx` : `${digits(value, 2)} mV, ${about ? percent(value / about.mv_per_white) : ""} of white`;
  $(`${name}-out`).textContent = text;
  $(name).setAttribute("aria-valuetext", text);
}

// What is drawn: pictures with every frame that the screen can show, text ten times a second.
function draw(now) {
  requestAnimationFrame(draw);
  if (!fresh || !latest || document.hidden) return;
  fresh = false;
  const [, rows, columns] = about.shape;
  drawFrame($("frame"), latest.seen, about.shape);
  $("planes").querySelectorAll("canvas").forEach((canvas, plane) =>
    drawPlane(canvas, latest.packed, plane * rows * columns, rows, columns, colour.one, colour.zero));
  drawTrace($("trace"), past, events, about.classes, SPAN, colour);
  $("owl").classList.toggle("open", latest.awake);
  $("eye").classList.toggle("open", latest.awake);
  if (now - written >= TEXT_MS || latest.setting.paused) { written = now; write(latest); }
  document.body.dataset.frame = latest.index;
}
// Integers as they are; of scores with a factor per class four digits.
const score = value => Number.isInteger(value) ? value : Number(value.toPrecision(4));
function write(frame) {
  const best = frame.scores[frame.decision], verdict = $("decision").parentElement;
  $("decision").textContent = about.classes[frame.decision];
  verdict.style.setProperty("--letters", about.classes[frame.decision].length);
  verdict.classList.toggle("sure", frame.sure);
  $("sure").textContent = frame.awake ? "host awake" : frame.sure ? "sure" : "not sure, host sleeps";
  $("why").textContent = `margin ${score(frame.margin)}, needs ${about.policy.margin}; contrast ${percent(frame.contrast, 0)}, needs ${percent(about.policy.contrast, 0)}`;
  $("owl").setAttribute("aria-label", frame.awake ? "awake" : "asleep");
  $("shown").textContent = frame.name;
  $("frame").setAttribute("aria-label", `Live frame ${frame.index}: ${frame.name}`);
  $("lux").textContent = `${digits(frame.lux)} lx`;
  $("exposure").textContent = unit(frame.exposure_s, "s");
  $("electrons").textContent = `${digits(frame.electrons)} e⁻`;

  let order = frame.scores.map((_, index) => index);
  if (order.length > MOST_SCORES) order = order.sort((a, b) => frame.scores[b] - frame.scores[a]).slice(0, MOST_SCORES);
  const least = Math.min(...frame.scores), reach = best - least || 1;
  [...$("scores").children].forEach((item, place) => {
    const which = order[place];
    item.className = (which === frame.decision ? "best " : "") + (which === frame.label ? "label" : "");
    item.children[0].textContent = about.classes[which];
    item.children[1].firstChild.style.width = width((frame.scores[which] - least) / reach);
    item.children[2].textContent = score(frame.scores[which]);
  });
  [...$("layers").children].forEach((item, place) => {
    item.children[1].firstChild.style.width = width(frame.activity[place]);
    item.children[2].textContent = percent(frame.activity[place], 0);
  });
  drawTone($("tone"), about.thresholds, frame.seen, colour);
  $("tone").setAttribute("aria-label", `Thresholds ${about.thresholds.map(each => each.join(", ")).join("; ")}`);
  drawRolling($("rolling"), rolling, colour);

  const tally = frame.tally;
  $("accuracy").textContent = frame.accuracy === null ? "–" : percent(frame.accuracy);
  $("labelled").textContent = tally.labelled ? `of ${tally.labelled.toLocaleString("en")} labelled frames` : "no labelled frame yet";
  $("recent").textContent = frame.recent === null ? "" : `${percent(frame.recent)} of the latest labelled frames; events ${tally.events_right} right, ${tally.events_wrong} wrong`;
  $("event-count").textContent = `${tally.events.toLocaleString("en")} in ${tally.frames.toLocaleString("en")} frames`;
  writeMeters(frame, tally);
  $("trace").setAttribute("aria-label", `Scores over the latest ${SPAN} seconds; now ${about.classes[frame.decision]} leads by ${frame.margin}`);
  const shown = rate === null ? "" : ` · ${digits(rate, 2)} frames/s`, viewers = frame.viewers > 1 ? ` · ${frame.viewers} viewers` : "";
  say(frame.setting.paused ? "paused" : "live", `${frame.setting.paused ? `paused at frame ${frame.index}` : "live" + shown}${viewers}`);
}
function writeMeters(frame, tally) {
  const parts = Object.entries(frame.energy_j), seconds = tally.frames / about.frames_per_second;
  $("latency").textContent = frame.latency_s === null ? "–" : unit(frame.latency_s, "s");
  $("cycles").textContent = frame.cycles === null ? "no engine takes this network" : `${frame.cycles.toLocaleString("en")} cycles at ${about.clock_hz / 1e6} MHz`;
  $("duty").textContent = frame.duty === null ? "–" : `${digits(100 * frame.duty)} %`;
  $("duty-meter").value = frame.duty ?? 0;
  $("joules").textContent = parts.length ? unit(parts.reduce((sum, [, each]) => sum + each, 0), "J") : "–";
  const named = (pairs, symbol) => pairs.map(([name, value]) => `${name} ${unit(value, symbol)}`).join(" · ");
  $("joules-parts").textContent = named(parts, "J");
  const watts = Object.entries(tally.joules).map(([name, joules]) => [name, joules / seconds]), all = watts.reduce((sum, [, each]) => sum + each, 0);
  $("watts").textContent = watts.length ? unit(all, "W") : "–";
  $("watts-parts").textContent = named(watts, "W");
  $("watts-bar").setAttribute("aria-label", named(watts, "W"));
  if ($("watts-bar").children.length !== watts.length) $("watts-bar").replaceChildren(...watts.map(() => document.createElement("i")));
  watts.forEach(([, each], place) => { $("watts-bar").children[place].style.width = width(all ? each / all : 0); });
}
function say(kind, text) {
  $("status").className = `status ${kind}`;
  if ($("status").textContent !== text) $("status").textContent = text;
}

// The line to the loop; a lost one is taken up again.
function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return takeFrame(data);
    const message = JSON.parse(data);
    if (message.kind === "hello") { retry = 500; build(message); if (token) send({ token }); }
    else if (message.kind === "event") takeEvent(message);
    else if (message.kind === "setting") {
      showSetting(message);
      if (latest) { latest.setting = message; fresh = true; }
    }
    else if (message.kind === "refused" || (message.kind === "access" && !message.commands)) { $("note").hidden = false; $("note").textContent = message.message ?? "The token in this page's address is not the one that the sensor was started with: it is for looking."; }
  };
  socket.onclose = () => {
    say("lost", "connection lost, trying again");
    setTimeout(connect, retry);
    retry = Math.min(2 * retry, 8000);
  };
}
const send = command => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command)); };

// What a person does.
let waiting = {};
function slide(name, value) {
  touched[name] = performance.now();
  labelSlider(name, value);
  if (!Object.keys(waiting).length) requestAnimationFrame(() => { Object.entries(waiting).forEach(([key, each]) => send({ [key]: each })); waiting = {}; });
  waiting[name] = value;
}
$("light").addEventListener("input", () => slide("light", lightOf($("light").value)));
$("mismatch").addEventListener("input", () => slide("mismatch", mismatchOf($("mismatch").value)));
$("pause").addEventListener("click", () => send({ do: document.body.dataset.paused === "true" ? "resume" : "pause" }));
$("step").addEventListener("click", () => send({ do: "step" }));
$("file").addEventListener("change", () => { if ($("file").files[0]) upload($("file").files[0]); $("file").value = ""; });
for (const kind of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(kind, event => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  });
}
async function upload(file) {
  $("answer").hidden = false;
  $("answer-class").textContent = "…";
  $("answer-text").textContent = file.name;
  URL.revokeObjectURL($("thumb").src);
  $("thumb").src = URL.createObjectURL(file);
  try {
    const reply = await fetch(`/picture?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file, headers: token ? { authorization: `Bearer ${token}` } : {} }), said = await reply.json();
    $("answer-class").textContent = reply.ok ? said.class : "refused";
    $("answer-text").textContent = reply.ok ? `${said.name}: margin ${said.margin}, from a noiseless sensor; the frames above are the noisy one's` : said.detail;
  } catch {
    $("answer-class").textContent = "not sent";
    $("answer-text").textContent = "The connection is lost.";
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); fresh = true; });
addEventListener("resize", () => { fresh = true; });
document.addEventListener("visibilitychange", () => { fresh = true; });
readColours();
connect();
requestAnimationFrame(draw);
window.owlbit = { past, events, latest: () => latest }; // to look at from the console, and from tests
