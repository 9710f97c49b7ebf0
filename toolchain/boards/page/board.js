// The page of `owlbit listen --page`: asks for /state a few times per second, and pushes pictures.
const PERIOD_MS = 300;
const token = new URLSearchParams(location.hash.slice(1)).get("token"); // after #: browsers do not send it
const $ = id => document.getElementById(id);
let classes = [];

function row(...texts) {
  const line = document.createElement("tr");
  texts.forEach((text, index) => {
    const cell = document.createElement("td");
    if (index) cell.className = "n";
    cell.textContent = text;
    line.append(cell);
  });
  return line;
}

function showScores(result) {
  if (!result) return;
  $("from").textContent = result.image ? `of the pushed picture ${result.image}` : `of camera frame ${result.frame}`;
  $("decision").textContent = `${result.name ?? result.class}, margin ${result.margin}` +
    (result.wake ? ", wakes the host" : result.hold_off ? ", hold-off" : result.sure ? ", sure" : "");
  $("scores").replaceChildren(...result.scores.map((score, index) =>
    row(classes[index] ?? String(index), score, result.simulator ? result.simulator[index] : "")));
}

function showEvents(events) {
  $("no-events").hidden = events.length > 0;
  $("events").replaceChildren(...events.map(event => {
    const at = new Date(event.time * 1000).toLocaleTimeString();
    return event.error ? row(at, `error ${event.error}: ${event.text}`, "") : row(at, event.name ?? event.class, event.margin);
  }));
}

function tell(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
}

async function look() {
  try {
    const state = await (await fetch("/state")).json();
    classes = state.classes;
    $("network").textContent = state.network;
    $("board").textContent = `${state.board}, camera ${state.camera}, self-test ${state.self_test}, SHA-256 ${state.sha256.slice(0, 12)}…`;
    $("status").textContent = state.failure ? "board gone" : "live";
    $("status").className = state.failure ? "status lost" : "status live";
    tell(state.failure ?? "");
    showScores(state.newest);
    showEvents(state.happened);
  } catch {
    $("status").textContent = "no connection";
    $("status").className = "status lost";
  }
  setTimeout(look, PERIOD_MS);
}

$("picture").addEventListener("change", async event => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  $("answer").textContent = "pushing …";
  const response = await fetch(`/picture?name=${encodeURIComponent(file.name)}`, 
    { method: "POST", body: file, headers: token ? { authorization: `Bearer ${token}` } : {} });
  const answer = await response.json();
  if (!response.ok) {
    $("answer").textContent = answer.detail;
    return;
  }
  showScores(answer);
  $("answer").textContent = `${answer.image}: ${answer.name ?? answer.class}; the chip's scores are ` +
    (answer.equal ? "the simulator's." : "NOT the simulator's: run owlbit selftest.");
});

look();
