// A CDS Hooks client as an EHR has one: discovery, prefetch, the call, feedback.
// https://cds-hooks.hl7.org/2.0/
// Every exchange is told to `heard`, for the page to show.

import { newId } from "./dom.js";

const fhirBase = (ago) => `${location.origin}/demo/${ago ? `earlier/${ago}/` : ""}fhir`;
const TOKEN = /\{\{\s*([^}]+?)\s*\}\}/g;

export function createClient(heard) {
  const discovered = new Map(); // by prefix

  async function exchange(kind, method, url, body) {
    const started = performance.now();
    const options = { method, headers: { Accept: "application/json" } };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    const record = { kind, method, url, request: body, at: new Date() };
    try {
      const response = await fetch(url, options);
      record.status = response.status;
      record.response = asJson(await response.text());
    } catch {
      record.status = 0;
      record.response = "No answer: the connection failed.";
    }
    record.milliseconds = Math.round(performance.now() - started);
    heard(record);
    return record;
  }

  const address = (prefix) => `${location.origin}${prefix}/cds-services`;

  async function services(prefix) {
    if (!discovered.has(prefix)) discovered.set(prefix, exchange("discovery", "GET", address(prefix)));
    const found = await discovered.get(prefix);
    if (found.status === 200 && Array.isArray(found.response?.services)) return found.response.services;
    discovered.delete(prefix);
    return undefined;
  }

  // `prefix`: of the services' address. `ago`: as the chart was so many hours ago.
  async function call(hook, context, { way = "both", prefix = "", ago = 0 }) {
    const known = await services(prefix);
    if (!known) return { status: 0 };
    const service = known.find((entry) => entry.hook === hook);
    if (!service) return { status: 0, missing: true };
    const body = { hook, hookInstance: newId(), context };
    if (way !== "prefetch") body.fhirServer = fhirBase(ago);
    if (way !== "server") body.prefetch = await prefetched(service.prefetch ?? {}, context, fhirBase(ago), heard);
    return exchange(hook, "POST", `${address(prefix)}/${encodeURIComponent(service.id)}`, body);
  }

  // `url`: where the card came from.
  function feedback(url, item) {
    const body = { feedback: [{ ...item, outcomeTimestamp: new Date().toISOString() }] };
    return exchange("feedback", "POST", `${url}/feedback`, body);
  }

  return { call, feedback };
}

// A template with a token that cannot be resolved is left out, and so is its key.
export function resolved(template, context) {
  let whole = true;
  const url = template.replace(TOKEN, (_, token) => {
    const value = token.startsWith("context.") ? context[token.slice(8)] : userId(token, context);
    if (typeof value !== "string") whole = false;
    return value;
  });
  return whole ? url : undefined;
}

function userId(token, context) {
  const [kind, id] = String(context.userId).split("/");
  return token === `user${kind}Id` ? id : undefined;
}

async function prefetched(templates, context, base, heard) {
  const started = performance.now();
  const record = { kind: "prefetch", method: "GET", url: base, at: new Date(), request: {} };
  const answers = await Promise.all(
    Object.entries(templates).map(async ([key, template]) => {
      const query = resolved(template, context);
      if (query === undefined) return undefined;
      record.request[key] = query;
      const response = await fetch(`${base}/${query}`).catch(() => undefined);
      return response && [key, asJson(await response.text())];
    }),
  );
  record.response = Object.fromEntries(answers.filter(Boolean));
  record.status = 200;
  record.milliseconds = Math.round(performance.now() - started);
  heard(record);
  return record.response;
}

function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
