// Starts the real server as its users do, a process on a free port, for the official SDKs to talk to.
//
//     npm install && node --test
//
// PYTHON is the interpreter (default python3), MOCK_SERVER the path of the script (default: two folders up).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

const PYTHON = process.env.PYTHON ?? "python3";
const SCRIPT = process.env.MOCK_SERVER ?? fileURLToPath(new URL("../../mock_server.py", import.meta.url));
// Variables that would send an SDK elsewhere, give it other credentials, or put a proxy in between.
const FOREIGN = new RegExp("^(OPENAI|AZURE|ANTHROPIC|CLAUDE|AWS|GOOGLE|GCLOUD|GCP|GCE|GEMINI|CLOUD_ML|VERTEX|COHERE|MISTRAL|" +
  "AI_|MOCK_SERVER_|(https?|all|no)_proxy$)", "i");

for (const name of Object.keys(process.env).filter(name => FOREIGN.test(name))) delete process.env[name];
const environment = { ...process.env };

const folder = mkdtempSync(join(tmpdir(), "mock-server-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
// Neither do files of the machine reach a test: credentials and settings are looked for in an empty home.
for (const name of ["HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME"]) process.env[name] = join(folder, "home");
Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" });

/** A data directory with these mocks. */
export function written(mocks) {
  const data = mkdtempSync(join(folder, "data-"));
  mkdirSync(join(data, "mocks"));
  writeFileSync(join(data, "mocks", "compat.json"), JSON.stringify(mocks));
  return data;
}

// Rules that what these tests send breaks, each with the reason.
const BROKEN = {
  "responses/unknown-item-field": "openai gives items back with what it has parsed of them",
  "responses/previous-not-found": "a request of every field names a response that there is not",
};

/** That the real providers would refuse nothing else of what was sent (docs/strict.md); what can't be read is wrong on purpose. */
async function nothingRefused(url) {
  const asked = { invalid: true, unused: false, unmatched: false };
  const answer = await fetch(`${url}/__mock__/verify?session=*`, { method: "POST", body: JSON.stringify(asked) });
  const violations = (await answer.json()).invalid.flatMap(request => request.operation ? request.violations : []);
  assert.deepEqual(violations.filter(({ rule }) => !(rule in BROKEN)), [], "what the real provider would refuse");
}

/**
 * A server with these mocks, or with those it comes with, for the suite that asks for it.  It ends when its input closes.
 * An option that is only known once other servers run is a function.
 */
export function serving(mocks, ...options) {
  const server = { url: "" };
  let child, exited;
  before(async () => {
    const data = mocks ? ["--data", written(mocks)] : [];
    const asked = options.map(option => typeof option === "function" ? option() : option);
    child = spawn(PYTHON, ["-B", SCRIPT, "0", "--log", "off", "--exit-on-stdin-close", ...data, ...asked],
      { env: environment, stdio: ["pipe", "pipe", "inherit"] });
    exited = once(child, "exit");
    const { value: line } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
    assert.match(line ?? "nothing", /^listening on http:\/\/127\.0\.0\.1:\d+$/, "what the server said first");
    server.url = line.split(" ").at(-1);
  });
  after(async () => {
    await nothingRefused(server.url);
    child.stdin.end();
    assert.deepEqual(await exited, [0, null], "exit status and signal of the server");
  });
  return server;
}
