/** Signing in and out: the view that stands in the place of all others until the password is right. */
import { wordsOf } from "./actions.js";
import { ApiError, post } from "./api.js";
import { el, field, fill } from "./dom.js";

/** @param {() => void} done called once the server has taken the password */
export function loginView(done) {
  const password = el("input", {
    type: "password",
    name: "password",
    autocomplete: "current-password",
    required: true,
    "aria-describedby": "login-wrong",
  });
  const wrong = el("p", { id: "login-wrong", class: "bad", role: "alert" });
  const form = el(
    "form",
    { class: "login card", onsubmit: submit },
    el("h2", {}, "Sign in"),
    el("p", { class: "faint" }, `This dashboard of ${location.host} asks for its password.`),
    field("Password", password),
    wrong,
    el("button", { class: "main" }, "Sign in"),
  );

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    fill(wrong);
    try {
      await post("/login", { password: password.value });
      done();
    } catch (error) {
      fill(wrong, saidOf(error));
      password.select();
    }
  }
  return { element: form, focus: () => password.focus() };
}

/** @param {unknown} error */
function saidOf(error) {
  const [text, hint] = wordsOf(error);
  const known = error instanceof ApiError && error.hint !== "";
  return known ? `${text}. ${hint}` : text;
}

export async function signOut() {
  await post("/logout");
}
