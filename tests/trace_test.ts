/** Traces as a collector gets them: one leads from the request through the publish to the write; without the switch there is none. */
import assert from "node:assert/strict";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { serveRandomUsers } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { secretOf } from "./support/secrets.ts";

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
}

/** Takes what OTLP sends as JSON. */
function collector(): { env: Record<string, string>; spans: Span[]; close(): Promise<void> } {
  const spans: Span[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    if (new URL(request.url).pathname !== "/v1/traces") return Response.json({});
    for (const { scopeSpans } of body.resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
    return Response.json({});
  });
  const env = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
  };
  return { env, spans, close: () => server.shutdown() };
}

const headersOf = async (cwd: string): Promise<Record<string, string>[]> =>
  (await succeeds(["peek", "--max", "5", "--format", "ndjson"], { cwd })).trim().split("\n").map((line) =>
    JSON.parse(line).headers
  );

Deno.test("one trace leads from the request through the publish to the write", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(records(50));
    const { env, spans, close } = collector();
    const key = secretOf("the API's key");
    try {
      await succeeds(["init"], { cwd });
      const source = { USERPIPE_URL: `${server.url}?key=${key}` };
      const { code, stderr } = await userpipe(["ingest", "--count", "50"], { cwd, env: { ...env, ...source } });
      assert.equal(code, 0, stderr);
      assert.equal(stderr.match(/"message":"The traces that Deno sends/g)?.length, 1, stderr);
      await succeeds(["stream", "--until-caught-up"], { cwd, env });
    } finally {
      await close();
    }
    const named = (name: string) => spans.filter((span) => span.name === name);
    const [ingest] = named("ingest users_created");
    const [publish] = named("publish users_created");
    const stores = named("store users_created");
    assert.ok(ingest !== undefined && publish !== undefined && stores.length > 0, JSON.stringify(spans));
    assert.equal(publish.parentSpanId, ingest.spanId);
    for (const { traceId, parentSpanId } of stores) {
      assert.deepEqual([traceId, parentSpanId], [ingest.traceId, publish.spanId]);
    }
    const request = spans.find(({ name, parentSpanId }) => name === "GET" && parentSpanId === ingest.spanId);
    assert.equal(request?.traceId, ingest.traceId, JSON.stringify(spans));
    assert.ok(JSON.stringify(request).includes(key), "what is warned of is so");
    for (const { traceparent } of await headersOf(cwd)) {
      assert.equal(traceparent, `00-${publish.traceId}-${publish.spanId}-01`);
    }
  }));

Deno.test("without the switch no message has a trace", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await succeeds(["ingest", "--generate", "5"], { cwd });
    for (const headers of await headersOf(cwd)) assert.equal(headers.traceparent, undefined);
  }));
