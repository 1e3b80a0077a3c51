/** The page's start: who is signed in, whether the server answers, and what of its events goes where. */
import { actionButton, announce, closeQuestions } from "./actions.js";
import { session as askSession, whenSignedOut } from "./api.js";
import { byId, el, fill, setProps, setText } from "./dom.js";
import { Events } from "./events.js";
import { clock } from "./format.js";
import { loginView, signOut } from "./login.js";
import { closePanel } from "./panel.js";
import { Router } from "./router.js";
import { beginWay, processesText, showWay, tickWay } from "./way.js";

/**
 * @typedef {import("./types.ts").Session} Session
 * @typedef {import("./types.ts").Way} Way
 */

const TICK_MS = 1_000;

/** Both null while nobody is signed in. @type {Session | null} */
let session = null;
/** @type {Router | null} */
let router = null;

const events = new Events({
  onEvent(name, data) {
    if (name === "way") return onWay(data);
    if (name === "runs") return router?.view?.onRuns?.();
    router?.view?.onMessages?.(data.messages);
  },
  onLive(back) {
    showConnection("live", "live");
    if (!byId("away").hidden) announce("The server answers again.");
    byId("away").hidden = true;
    if (back) comeBack().catch(() => events.open());
  },
  onAway(since, waitMs) {
    showConnection("away", "away");
    byId("away").hidden = false;
    document.title = "No answer · userpipe";
    const gone = `The server at ${location.host} has not answered since ${clock(since)}: what is below is of then.`;
    setText(byId("away-text"), `${gone} Trying again in ${Math.max(1, Math.round(waitMs / 1000))} s.`);
    announce(`The server at ${location.host} does not answer. The page comes back by itself.`);
    // An event stream does not say that a login is needed, and a request does.
    askSession().then(({ login }) => login === "needed" && session !== null && showLogin(), () => {});
  },
});

/** @param {Way} way */
function onWay(way) {
  showWay(way);
  setText(byId("processes"), processesText(way));
  router?.onWay(way);
}

/** @param {string} state @param {string} text */
function showConnection(state, text) {
  setProps(byId("connection"), { class: `connection ${state}` });
  setText(byId("connection-state"), text);
  // What is of then is grey.
  document.body.classList.toggle("stale", state === "away");
}

/** The server may be another one by now: of another version, or with another view of who is signed in. */
async function comeBack() {
  const now = await askSession();
  if (session === null) return;
  if (now.version !== session.version || now.readOnly !== session.readOnly) return location.reload();
  session = now;
  if (now.login === "needed") return showLogin();
  router?.route();
}

/** @param {Session} signedIn */
function start(signedIn) {
  session = signedIn;
  beginWay(session);
  router = new Router({ session, events });
  events.open();
  router.route();
  byId("signed-in").hidden = false;
  byId("read-only").hidden = !session.readOnly;
  setText(byId("version"), session.version);
  fill(byId("sign-out"), session.login === "done" && actionButton("Sign out", leave, { class: "quiet" }));
}

async function leave() {
  await signOut();
  showLogin();
}

function showLogin() {
  events.close();
  closePanel();
  closeQuestions();
  router?.close();
  [router, session] = [null, null];
  for (const id of ["signed-in", "away", "read-only"]) byId(id).hidden = true;
  showConnection("", "signed out");
  fill(byId("sign-out"));
  setText(byId("processes"), "");
  document.title = "Sign in · userpipe";
  const login = loginView(begin);
  fill(byId("view"), login.element);
  login.focus();
}

async function begin() {
  try {
    const now = await askSession();
    if (now.login === "needed") showLogin();
    else start(now);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const hint = el("p", {}, "Reload the page to try again.");
    fill(byId("view"), el("div", { class: "trouble" }, el("strong", {}, said), hint));
  }
}

addEventListener("hashchange", () => {
  // The skip link's is none of a view.
  if (location.hash === "" || location.hash.startsWith("#/")) router?.route();
});
byId("try-now").addEventListener("click", () => events.open());
whenSignedOut(() => session !== null && showLogin());
setInterval(tickWay, TICK_MS);
begin();
