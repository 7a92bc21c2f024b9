// The patient's record, fetched by the browser with its own token: the queries of prefetch.
// What fails is sent as failed: the service tells apart what is not on record and what was not read.

const PAGES = 10; // of one query
const MEDICATIONS = 60; // read one by one where a search did not bring them
const REFUSED = 400; // some servers know no _sort, _include or _count
const NEWEST_FIRST = /[?&]_sort=-/;
const TIMES = ["effectiveDateTime", "effectivePeriod", "authoredOn", "authored", "recordedDate", "performedDateTime", "performedPeriod", "issued"];

// `request(url)` gives a resource of the EHR's FHIR server or throws with its `status`;
// `queries`: {key: {template, hours}}; gives {key: Bundle, Patient or OperationOutcome}.
export async function gather(request, queries, patient, base) {
  const answers = await Promise.all(
    Object.entries(queries).map(async ([key, query]) => [key, await answer(request, query, patient, base)]),
  );
  const prefetch = Object.fromEntries(answers);
  await addMedications(request, prefetch, base);
  return prefetch;
}

async function answer(request, { template, hours }, patient, base) {
  const url = filled(template, patient);
  try {
    const first = await asked(request, url);
    return first?.resourceType === "Bundle" ? await withNext(request, first, NEWEST_FIRST.test(url) ? hours : null, base) : first;
  } catch {
    return { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "exception" }] };
  }
}

async function asked(request, url) {
  try {
    return await request(url);
  } catch (fault) {
    if (statusOf(fault) !== REFUSED) throw fault;
    return request(plain(url));
  }
}

const statusOf = (fault) => fault?.status ?? fault?.statusCode ?? fault?.response?.status;

export function filled(template, patient) {
  const [path, query] = template.split("?");
  const escaped = patient.replace(/[\\,|$]/g, "\\$&"); // they mean something in a search
  const put = (text, id) => text.replace(/\{\{\s*context\.patientId\s*\}\}/g, encodeURIComponent(id));
  const rest = query === undefined ? "" : `?${put(query, escaped).replaceAll("|", "%7C").replaceAll(" ", "%20")}`;
  return put(path, patient) + rest;
}

export function plain(url) {
  const [path, query = ""] = url.split("?");
  return `${path}?${query.split("&").filter((part) => !/^_(sort|include|count)=/.test(part)).join("&")}`;
}

// All pages as one Bundle. What is left unread keeps its `next` link, and is then known as a part.
async function withNext(request, bundle, hours, base) {
  const entry = [...(bundle.entry ?? [])];
  let next = nextOf(bundle);
  let latest = bundle;
  for (let page = 1; next && page < PAGES && isBelow(next, base) && !isPast(latest, hours); page += 1) {
    try {
      latest = await request(next);
    } catch {
      break;
    }
    entry.push(...(latest.entry ?? []));
    next = nextOf(latest);
  }
  const link = next ? [{ relation: "next", url: next }] : [];
  return { ...bundle, entry, link };
}

const nextOf = (bundle) => (bundle.link ?? []).find((link) => link.relation === "next")?.url;

// A server may not lead the token elsewhere. Some give the base itself with a query as the next page.
function isBelow(url, base) {
  try {
    const home = new URL(base);
    const there = new URL(url, `${base.replace(/\/+$/, "")}/`);
    const path = home.pathname.replace(/\/+$/, "");
    return there.origin === home.origin && (there.pathname === path || there.pathname.startsWith(`${path}/`));
  } catch {
    return false;
  }
}

function isPast(bundle, hours) {
  const last = (bundle.entry ?? []).filter((one) => one.search?.mode !== "include").at(-1)?.resource;
  if (!hours || !last) return false;
  const told = TIMES.map((name) => last[name]).find(Boolean);
  const at = Date.parse(typeof told === "object" ? (told.end ?? new Date().toISOString()) : told);
  return at < Date.now() - hours * 3_600_000;
}

// Medicines that orders and administrations only refer to, where `_include` did not bring them.
async function addMedications(request, prefetch, base) {
  const bundles = Object.values(prefetch).filter((one) => one?.resourceType === "Bundle");
  const held = new Set(bundles.flatMap((one) => (one.entry ?? []).flatMap(({ fullUrl, resource }) => [fullUrl, resource && `${resource.resourceType}/${resource.id}`])));
  const wanted = new Map();
  for (const bundle of bundles) {
    for (const { resource } of bundle.entry ?? []) {
      const reference = resource?.medicationReference?.reference ?? resource?.medication?.reference?.reference;
      if (typeof reference !== "string" || reference.startsWith("#") || held.has(reference)) continue;
      if (!/(^|\/)Medication\/[^/]+$/.test(reference) || !isBelow(reference, base)) continue;
      if (!wanted.has(reference)) wanted.set(reference, bundle);
    }
  }
  await Promise.all(
    [...wanted].slice(0, MEDICATIONS).map(async ([reference, bundle]) => {
      const resource = await request(reference).catch(() => undefined);
      if (resource?.resourceType !== "Medication") return;
      const fullUrl = new URL(reference, `${base.replace(/\/+$/, "")}/`).href;
      (bundle.entry ??= []).push({ fullUrl, resource, search: { mode: "include" } });
    }),
  );
}
