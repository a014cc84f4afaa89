// Shows /docs/openapi.json: every route with its parameters, body, answers and a curl line. Text only goes in as text.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

/** Follows `$ref`s one step. */
const resolve = (api, schema) => (schema?.$ref ? schema.$ref.split("/").slice(1).reduce((at, part) => at?.[part], api) : schema) ?? {};
const nameOf = (schema) => schema?.$ref?.split("/").at(-1);

function kind(schema) {
  if (!schema) return "any";
  if (schema.$ref) return nameOf(schema);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.oneOf || schema.anyOf) return (schema.oneOf ?? schema.anyOf).map(kind).join(" | ");
  const types = [schema.type ?? "any"].flat();
  return types.map((type) => (type === "array" ? `${kind(schema.items)}[]` : schema.format ? `${type} (${schema.format})` : type)).join(" | ");
}

/** Fields of an object, with those of `allOf`. */
function fields(api, schema) {
  const whole = resolve(api, schema);
  const own = Object.entries(whole.properties ?? {}).map(([name, field]) => ({ name, field, required: whole.required?.includes(name) }));
  return [...own, ...(whole.allOf ?? []).flatMap((part) => fields(api, part))];
}

/** An example made of types alone. */
function example(api, schema, depth = 0) {
  const whole = resolve(api, schema);
  if (depth > 4) return null;
  if (whole.enum) return whole.enum[0];
  const choice = (whole.oneOf ?? whole.anyOf)?.find((one) => one.type !== "null");
  if (choice) return example(api, choice, depth);
  const type = [whole.type].flat().find((one) => one !== "null");
  if (type === "object" || whole.properties || whole.allOf) {
    return Object.fromEntries(fields(api, schema).map(({ name, field }) => [name, example(api, field, depth + 1)]));
  }
  if (type === "array") return [example(api, whole.items, depth + 1)];
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return whole.minimum ?? 1;
  if (whole.format === "date-time") return "2026-01-31T12:00:00Z";
  return whole.pattern === "^[A-Z]{3}$" ? "RUB" : "text";
}

function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((row) => element("tr", {}, ...row.map((text) => element("td", {}, text ?? ""))));
  const whole = element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

const schemaOf = (content) => content?.["application/json"]?.schema;

function fieldTable(api, caption, schema) {
  const rows = fields(api, schema).map(({ name, field, required }) => [name, kind(field), required ? "yes" : "", field.description ?? resolve(api, field).description]);
  return rows.length ? table(caption, ["Field", "Type", "Always", "Meaning"], rows) : undefined;
}

function curl(path, method, operation, api) {
  const address = path.replace(/\{(\w+)\}/g, "1");
  const lines = [`curl -X ${method.toUpperCase()} "$DESK${address}"`];
  if (operation.security?.length) lines.push('-H "Authorization: Bearer $KEY"');
  for (const { name } of (operation.parameters ?? []).filter((one) => one.in === "header")) lines.push(`-H "${name}: $(uuidgen)"`);
  const body = schemaOf(operation.requestBody?.content);
  if (body) lines.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(example(api, body))}'`);
  return lines.join(" \\\n  ");
}

function route(api, path, method, operation) {
  const inside = element("div", {}, operation.description && operation.description !== operation.summary ? element("p", {}, operation.description) : "");
  const roles = (operation.security ?? []).flatMap((one) => Object.entries(one)).map(([name, scopes]) => [name, ...scopes].join(": "));
  inside.append(element("p", { class: "quiet" }, roles.length ? `Credential: ${roles.join(" or ")}` : "No credential"));
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    const rows = parameters.map((one) => [one.name, one.in, kind(one.schema), one.required ? "yes" : "", one.description]);
    inside.append(table("Parameters", ["Name", "In", "Type", "Needed", "Meaning"], rows));
  }
  const body = schemaOf(operation.requestBody?.content);
  if (body) inside.append(fieldTable(api, "Body", body) ?? "");
  for (const [status, answer] of Object.entries(operation.responses ?? {}).filter(([status]) => status < 300)) {
    inside.append(fieldTable(api, `Answer ${status}`, schemaOf(answer.content)) ?? "");
  }
  const refusals = Object.entries(operation.responses ?? {}).filter(([status]) => status >= 300).map(([status, answer]) => [status, answer.description]);
  if (refusals.length) inside.append(table("Refusals", ["Status", "Meaning"], refusals));
  inside.append(element("pre", { tabindex: "0" }, curl(path, method, operation, api)));
  const summary = element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", { class: "path" }, path),
    element("span", { class: "title" }, operation.summary ?? ""));
  return element("details", { class: "route" }, summary, inside);
}

async function show() {
  const api = await (await fetch("/docs/openapi.json")).json();
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = item[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(route(api, path, method, item[method]));
    }
  }
  const sections = [...groups].map(([tag, routes]) => element("section", { "aria-labelledby": `tag-${tag}` }, element("h2", { id: `tag-${tag}` }, tag), ...routes));
  document.getElementById("routes").append(...sections);
  const find = document.getElementById("find"), count = document.getElementById("count");
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of document.querySelectorAll(".route")) {
      const text = one.querySelector("summary").textContent.toLowerCase();
      one.hidden = !words.every((word) => text.includes(word));
      shown += !one.hidden;
    }
    for (const section of sections) section.hidden = !section.querySelector(".route:not([hidden])");
    count.textContent = words.length ? `${shown} found` : "";
  });
}

show().catch((error) => {
  document.getElementById("about").textContent = `The description could not be loaded: ${error.message}`;
});
