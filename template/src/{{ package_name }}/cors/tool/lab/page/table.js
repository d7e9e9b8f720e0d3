// Draws the table from the plan, has the pages at the other origins run it, compares.

const plan = await (await fetch("plan.json")).json();
const byId = (id) => document.getElementById(id);
const rows = plan.sections.flatMap((section) => section.rows);
const cells = new Map(
  rows.flatMap((row) => row.cells.map((cell) => [cell.id, { ...cell, row, button: null }])),
);
const frames = new Map();
const PATIENCE = 15_000;
let run = "";
let clock = 0;
let chosen = null;

// --- Small helpers ---------------------------------------------------------------------------

function element(name, properties = {}, ...children) {
  const { dataset = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Text in which `backticks` mean code. */
function prose(text) {
  return text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

/** What a verdict is called: a symbol and a word, so that colour says nothing alone. */
function worded(verdict, row) {
  if (!verdict) return ["…", "waiting"];
  if (!verdict.allowed) {
    const ran = verdict.ran && !["GET", "HEAD"].includes(row.method);
    return ["✕", row.isSocket ? "refused" : ran ? "blocked, ran" : "blocked"];
  }
  if (row.isSocket) return ["✓", "open"];
  if (verdict.readable === false) return ["✕", "hidden"];
  return ["✓", verdict.readable ? "readable" : "allowed"];
}

function stateOf(cell) {
  if (!cell.browser) return "waiting";
  return same(cell.browser, cell.policy) ? "agrees" : "differs";
}

function same(one, other) {
  return plan.compared.every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}

// --- The table -------------------------------------------------------------------------------

function drawTable() {
  byId("subject").replaceChildren(
    ...prose(`The service at \`${plan.service}\` with the policy of \`${plan.environment}\``),
  );
  byId("left-out").hidden = !plan.leftOut.length;
  byId("left-out").textContent = plan.leftOut.map((text) => `Left out: ${text}.`).join(" ");
  byId("head").replaceChildren(originRow(), credentialsRow());
  byId("head").after(...plan.sections.map(drawSection));
  document.querySelector("td button").tabIndex = 0;
}

function originRow() {
  const corner = element("th", { scope: "row", className: "first" }, "page at");
  const origins = plan.origins.map(({ origin, listed }) => {
    const chip = element("span", { className: "chip" }, listed ? "listed" : "a stranger");
    return element(
      "th",
      { colSpan: 2, scope: "colgroup", className: "origin" },
      element("code", {}, origin),
      " ",
      chip,
    );
  });
  return element("tr", {}, corner, ...origins);
}

function credentialsRow() {
  const corner = element("th", { scope: "row", className: "first" }, "credentials");
  const choices = plan.origins.flatMap(() => [
    element("th", { scope: "col", className: "origin" }, element("code", {}, "omit")),
    element("th", { scope: "col" }, element("code", {}, "include")),
  ]);
  return element("tr", {}, corner, ...choices);
}

function drawSection({ title, rows }) {
  const width = 1 + 2 * plan.origins.length;
  const heading = element("th", { scope: "rowgroup", colSpan: width }, element("span", {}, title));
  return element(
    "tbody",
    {},
    element("tr", { className: "section" }, heading),
    ...rows.map(drawRow),
  );
}

function drawRow(row) {
  const label = element("th", { scope: "row", className: "first" }, element("code", {}, row.label));
  const places = plan.origins.flatMap(({ origin }) =>
    row.isSocket
      ? [place(row, origin, "include", 2)]
      : [place(row, origin, "omit", 1), place(row, origin, "include", 1)],
  );
  return element("tr", {}, label, ...places);
}

function place(row, origin, credentials, colSpan) {
  const className = credentials === "omit" || colSpan === 2 ? "origin" : "";
  const planned = row.cells.find(
    (cell) => cell.origin === origin && cell.credentials === credentials,
  );
  if (!planned) return element("td", { colSpan, className }, "no answer");
  const cell = cells.get(planned.id);
  cell.button = element("button", { type: "button", tabIndex: -1, dataset: { cell: cell.id } });
  cell.button.addEventListener("click", () => choose(cell));
  drawCell(cell);
  return element("td", { colSpan, className }, cell.button);
}

function drawCell(cell) {
  const [saidSymbol, said] = worded(cell.policy, cell.row);
  const [didSymbol, did] = worded(cell.browser, cell.row);
  const state = stateOf(cell);
  const relation = { waiting: "·", agrees: "=", differs: "≠" }[state];
  const kind = cell.browser ? (didSymbol === "✓" ? "yes" : "no") : "waiting";
  cell.button.dataset.state = state;
  cell.button.setAttribute(
    "aria-label",
    `${cell.row.label} from ${cell.origin}, ${credentialsOf(cell)}: ` +
      `policy says ${said}, browser ${did}${state === "differs" ? ", they differ" : ""}`,
  );
  cell.button.replaceChildren(
    element("span", { className: "said" }, saidSymbol),
    element("span", { className: "relation" }, relation),
    element("span", { className: `did ${kind}` }, `${didSymbol} ${did}`),
  );
}

function credentialsOf(cell) {
  if (cell.row.isSocket) return "with credentials, as always";
  return cell.credentials === "include" ? "with credentials" : "without credentials";
}

// --- Running it ------------------------------------------------------------------------------

async function runAll() {
  run = Date.now().toString(36);
  for (const cell of cells.values()) {
    cell.browser = null;
    drawCell(cell);
  }
  summarise();
  clearTimeout(clock);
  clock = setTimeout(giveUp, PATIENCE);
  await Promise.all(plan.origins.map(({ origin }) => runAt(origin)));
}

async function runAt(origin) {
  const jobs = [...cells.values()]
    .filter((cell) => cell.origin === origin)
    .map(({ id, url, credentials, row }) => ({
      id,
      url: `${url}.${run}`,
      credentials,
      method: row.method,
      headers: row.headers,
      isSocket: row.isSocket,
    }));
  const frame = await frames.get(origin);
  frame.contentWindow.postMessage({ run, jobs }, origin);
}

function openFrame(origin) {
  return new Promise((resolve) => {
    const title = `a page at ${origin}`;
    const frame = element("iframe", { src: `${origin}/`, title, tabIndex: -1 });
    frame.addEventListener("load", () => resolve(frame), { once: true });
    byId("frames").append(frame);
  });
}

async function receive({ origin, data }) {
  const cell = cells.get(data.id);
  if (data.run !== run || cell?.origin !== origin) return;
  // Asked for after the answer, so that whatever reached the service has been noted.
  const seen = await (await fetch(`seen/${data.id}.${data.run}`)).json();
  if (data.run !== run) return;
  const { allowed, status, names, error } = data.found;
  const { reads } = cell.row;
  cell.browser = {
    allowed,
    status,
    error,
    readable: reads && allowed ? names.includes(reads.toLowerCase()) : null,
    requests: seen.requests,
    ran: cell.policy.ran === null ? null : seen.ran,
  };
  drawCell(cell);
  summarise();
  if (cell === chosen) drawDetails();
}

function giveUp() {
  for (const cell of cells.values()) {
    cell.browser ??= { allowed: false, requests: [], error: "The page at this origin did not answer." };
    drawCell(cell);
  }
  summarise();
}

function summarise() {
  const all = [...cells.values()];
  const done = all.filter((cell) => cell.browser).length;
  const differing = all.filter((cell) => stateOf(cell) === "differs");
  const running = done < all.length;
  const text = running
    ? `… ${done} of ${all.length}`
    : differing.length
      ? `≠ ${differing.length} of ${all.length} differ`
      : `= all ${all.length} agree`;
  byId("summary").textContent = text;
  byId("summary").dataset.state = running ? "running" : differing.length ? "differs" : "agrees";
  document.title = `${text} · cors lab`;
  if (!running && !chosen) {
    choose(differing[0] ?? all.find((cell) => !cell.policy.allowed) ?? all[0]);
  }
}

// --- The chosen cell -------------------------------------------------------------------------

function choose(cell) {
  chosen?.button.removeAttribute("aria-current");
  document.querySelector("td button[tabindex='0']").tabIndex = -1;
  chosen = cell;
  cell.button.setAttribute("aria-current", "true");
  cell.button.tabIndex = 0;
  drawDetails();
}

function drawDetails() {
  const { row, browser, policy } = chosen;
  byId("details").replaceChildren(
    element("h2", {}, element("code", {}, row.label), ` ${credentialsOf(chosen)}`),
    element("p", {}, "from ", element("code", {}, chosen.origin)),
    element(
      "dl",
      {},
      ...entry("Policy", `${worded(policy, row).join(" ")}. ${chosen.why}`),
      ...entry("This browser", browserSentence(browser, row)),
      ...(stateOf(chosen) === "differs" ? entry("≠ They differ", difference(chosen)) : []),
      ...entry("To change it", chosen.change),
      ...(chosen.console ? entry("Chromium's console", console_(chosen)) : []),
      ...entry("The request", code(chosen)),
    ),
  );
}

function entry(term, content) {
  const children = typeof content === "string" ? prose(content) : [content];
  return [element("dt", {}, term), element("dd", {}, ...children)];
}

function browserSentence(browser, row) {
  if (!browser) return "…";
  const result = browser.allowed ? `status ${browser.status}` : browser.error;
  const reached = browser.requests.join(", then ") || "nothing";
  const ran = { true: ", and its handler ran", false: ", and no handler ran", null: "" };
  return (
    `${worded(browser, row).join(" ")}: ${result}. ` +
    `The service saw ${reached}${ran[browser.ran] ?? ""}.`
  );
}

function difference({ browser, service }) {
  if (same(browser, service)) {
    return (
      "The service itself: any browser does this with its answers. Something else than the " +
      "policy writes its headers or answers for it; run `cors check`."
    );
  }
  return (
    "This browser, or what stands between it and the service, such as an extension: by the " +
    "Fetch Standard, the service's answers lead to something else."
  );
}

function console_(cell) {
  const text = run ? cell.console.replaceAll(cell.url, `${cell.url}.${run}`) : cell.console;
  return element("pre", { id: "console" }, text);
}

function code({ url, row, credentials }) {
  if (row.isSocket) return element("pre", {}, `new WebSocket("${url}")`);
  const options = { method: row.method, credentials };
  if (Object.keys(row.headers).length) options.headers = row.headers;
  const written = JSON.stringify(options, null, 2).replaceAll(/"(\w+)":/g, "$1:");
  return element("pre", {}, `fetch("${url}", ${written})`);
}

// --- The keyboard ----------------------------------------------------------------------------

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function moveFocus(event) {
  const step = STEPS[event.key];
  const place = event.target.closest("td");
  if (!step || !place) return;
  event.preventDefault();
  const lines = [...document.querySelectorAll("tbody tr:not(.section)")];
  const line = lines[lines.indexOf(place.parentElement) + step[0]];
  const wanted = columnOf(place) + step[1];
  const target = step[0]
    ? [...(line?.querySelectorAll("td") ?? [])].findLast((each) => columnOf(each) <= wanted)
    : place.parentElement.cells[place.cellIndex + step[1]];
  const button = target?.querySelector("button");
  if (!button) return;
  button.focus();
  choose(cells.get(button.dataset.cell));
}

/** The column that a place begins in; a WebSocket's place is two columns wide. */
function columnOf(place) {
  const before = [...place.parentElement.cells].slice(0, place.cellIndex);
  return before.reduce((sum, each) => sum + each.colSpan, 0);
}

// --- Start -----------------------------------------------------------------------------------

drawTable();
document.querySelector("table").addEventListener("keydown", moveFocus);
addEventListener("message", receive);
for (const { origin } of plan.origins) frames.set(origin, openFrame(origin));
byId("again").addEventListener("click", runAll);
await runAll();
