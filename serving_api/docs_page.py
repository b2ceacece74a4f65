"""The page at /docs: reads /openapi.json and offers a form for each call. Loads nothing from elsewhere."""

from typing import Final

DOCS_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reco lookup API</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #8881; --strong: #0a6; }
  body { font: 15px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { margin-bottom: 0; }
  details { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0; padding: .5rem .9rem; }
  summary { cursor: pointer; }
  summary code { font-weight: 600; }
  summary b { color: var(--strong); margin-right: .6rem; }
  label { display: grid; grid-template-columns: 8rem 1fr; gap: .6rem; margin: .35rem 0; align-items: baseline; }
  label small { grid-column: 2; opacity: .75; }
  input, textarea { font: inherit; padding: .25rem .4rem; border: 1px solid var(--line); border-radius: 5px; }
  textarea { font-family: monospace; min-height: 4rem; }
  button { font: inherit; padding: .3rem 1rem; margin: .5rem 0; cursor: pointer; }
  pre { background: var(--soft); border-radius: 6px; padding: .7rem; overflow: auto; max-height: 26rem; }
</style>
</head>
<body>
<h1>Reco lookup API</h1>
<p id="about"></p>
<label><code>X-Api-Key</code><input id="key" type="password" autocomplete="off"><small>where keys are asked for</small>
</label>
<main></main>
<h2>Answers</h2>
<section id="schemas"></section>
<script>
const element = (name, text, parent) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};
const pretty = (value) => JSON.stringify(value, null, 2);

function address(path, inputs) {
  const query = new URLSearchParams();
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.append(parameter.name, input.value);
  }
  return query.size ? `${path}?${query}` : path;
}

async function send(method, path, inputs, body, output) {
  const target = address(path, inputs);
  const options = { method, headers: {} };
  const key = document.getElementById("key").value;
  if (key) options.headers["X-Api-Key"] = key;
  if (body) {
    options.body = body.value;
    options.headers["Content-Type"] = "application/json";
  }
  const response = await fetch(target, options);
  const text = await response.text();
  let shown = text;
  try { shown = pretty(JSON.parse(text)); } catch { /* not JSON: as it came */ }
  output.textContent = `${method} ${target}\\n${response.status}\\n\\n${shown}`;
  output.hidden = false;
}

function field(kind, name, text, box) {
  const label = element("label", undefined, box);
  element("code", name, label);
  const input = element(kind, undefined, label);
  if (text) element("small", text, label);
  return input;
}

function show(method, path, operation) {
  const box = element("details", undefined, document.querySelector("main"));
  const head = element("summary", undefined, box);
  element("b", method, head);
  element("code", path, head);
  head.append(" " + operation.summary);
  if (operation.description) element("p", operation.description, box);
  const asked = (operation.parameters || []).filter((parameter) => parameter.in !== "header");
  const inputs = asked.map((parameter) => (
    { parameter, input: field("input", parameter.name, parameter.description, box) }
  ));
  const body = operation.requestBody && field("textarea", "body", "JSON; its schema is below", box);
  const button = element("button", "Send", box);
  const output = element("pre", "", box);
  output.hidden = true;
  button.onclick = () => send(method, path, inputs, body, output);
}

fetch("/openapi.json").then((response) => response.json()).then((api) => {
  document.getElementById("about").textContent = `${api.info.version}. ${api.info.description}`;
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) show(method.toUpperCase(), path, operation);
  }
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const box = element("details", undefined, document.getElementById("schemas"));
    element("code", name, element("summary", undefined, box));
    element("pre", pretty(schema), box);
  }
});
</script>
</body>
</html>
"""
