// What VS Code says of mocks, with the schema and the setting of docs/editors.md: the service is the one that it runs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import json from "vscode-json-languageservice";

const SCRIPT = process.env.MOCK_SERVER ?? fileURLToPath(new URL("../../mock_server.py", import.meta.url));
const DOCS = join(dirname(SCRIPT), "docs");
const BLOCKS = [...readFileSync(join(DOCS, "editors.md"), "utf8").matchAll(/```json\n(.+?)```/gs)].map(([, block]) => block);
const [SETTINGS, NAMING] = BLOCKS;
const schema = readFileSync(join(DOCS, "mock.schema.json"), "utf8");

/** What the service says of a file: what is wrong, and what it tells and offers where the text has a bar. */
async function said(text, settings = JSON.parse(SETTINGS)["json.schemas"], name = "data/mocks/a.json") {
  const service = json.getLanguageService({
    schemaRequestService: async uri => uri.endsWith("mock.schema.json") ? schema : Promise.reject(uri),
    workspaceContext: { resolveRelativePath: (path, from) => new URL(path, from).href },
  });
  service.configure({ validate: true, schemas: settings.map(({ fileMatch, url }) => ({ fileMatch, uri: new URL(url, "file:///p/").href })) });
  const file = json.TextDocument.create(`file:///p/${name}`, "json", 1, text.replace("|", ""));
  const tree = service.parseJSONDocument(file);
  const place = file.positionAt(Math.max(0, text.indexOf("|")));
  const { items } = await service.doComplete(file, place, tree);
  const hover = await service.doHover(file, place, tree);
  return {
    wrong: (await service.doValidation(file, tree)).map(one => one.message),
    hover: hover?.contents.join("\n") ?? "",
    offered: Object.fromEntries(items.map(one => [one.label, one.documentation?.value ?? one.documentation ?? ""])),
  };
}

test("the keys of a response are offered, each with what it means", async () => {
  const { offered } = await said(`[{"response": {"|"}}]`);
  const keys = Object.keys(JSON.parse(schema).$defs.response.properties);
  assert.deepEqual(Object.keys(offered).sort(), keys.sort());
  assert.deepEqual(Object.entries(offered).filter(([, about]) => !about), []);
});

test("words are offered", async () => {
  assert.ok(`"reset"` in (await said(`[{"response": {"fault": "|"}}]`)).offered);
  assert.ok(`"anthropic"` in (await said(`[{"match": {"provider": "|"}, "response": {"text": "x"}}]`)).offered);
});

test("a key tells what it means", async () => {
  assert.match((await said(`[{"match": {"us|er": "Hi"}, "response": {"text": "x"}}]`)).hover, /^The last user message/);
  assert.match((await said(`{"response": {"de|lay": 1}}`)).hover, /^Seconds before the first byte/);
});

test("a wrong key and a wrong value are marked, and nothing else is", async () => {
  assert.deepEqual((await said(`[{"response": {"txet": "x"}}]`)).wrong, ["Property txet is not allowed."]);
  assert.deepEqual((await said(`{"response": {"txet": "x"}}`)).wrong, ["Property txet is not allowed."]);
  assert.equal((await said(`[{"response": {"status": 42}}]`)).wrong.length, 1);
  assert.deepEqual((await said(`[{"response": {"text": "x", "pace": [0.1]}}]`)).wrong, []);
  assert.deepEqual((await said(`{"txet": 1}`, undefined, "package.json")).wrong, []);
});

test("a mock that names its schema needs no setting", async () => {
  assert.deepEqual((await said(NAMING, [])).wrong, []);
  const { wrong } = await said(NAMING.replace("text", "txet"), []);
  assert.deepEqual(wrong, ["Property txet is not allowed."]);
});
