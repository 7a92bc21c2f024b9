// The launch page: asks the EHR for permission to read one patient's record.
// https://hl7.org/fhir/smart-app-launch/app-launch.html

const place = document.getElementById("launch");
const said = document.getElementById("said");
const { iss, launch, client, types } = place.dataset;

// Before the library is used: it takes iss, launch, client id and more from the page's address, and
// what stands there may be anybody's. What the service has checked stands in the page.
history.replaceState(null, "", location.pathname);

try {
  await open();
} catch (fault) {
  said.setAttribute("role", "alert");
  said.textContent = "The app could not be opened: the EHR's FHIR server did not say how to ask for permission. Close this page and open it again from the patient's chart.";
  console.error("launch failed", fault?.name);
}

async function open() {
  const url = await FHIR.oauth2.authorize({
    iss,
    launch: launch || undefined,
    clientId: client,
    scope: scopes(await capabilities()),
    redirectUri: new URL("./", location.href).href, // absolute: it must be the one that is registered
    pkceMode: "required", // never without PKCE, whatever the server declares
    completeInTarget: true, // in this very frame or window
    noRedirect: true,
  });
  location.replace(url); // "back" leads to the chart, not into the launch again
}

async function capabilities() {
  const response = await fetch(`${iss.replace(/\/+$/, "")}/.well-known/smart-configuration`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error("no configuration");
  return (await response.json()).capabilities ?? [];
}

// SMART 2 scopes; an EHR that only knows the older ones gets those.
function scopes(known) {
  const old = known.includes("permission-v1") && !known.includes("permission-v2");
  const rights = old ? "read" : "rs";
  const read = types.split(" ").map((type) => `patient/${type}.${rights}`);
  return [launch ? "launch" : "launch/patient", ...read].join(" ");
}
