/**
 * Traces by what Deno brings: `OTEL_DENO=true` turns them on, and the usual `OTEL_…` variables say where they go. Off, nothing of
 * it is loaded and nothing made. One trace leads from a source's request through the publish to the write.
 */
import type { Context, Span, SpanContext } from "@opentelemetry/api";

/** The header, and W3C's name, of where a message's trace goes on. */
export const TRACEPARENT = "traceparent";

/** Whether Deno sends traces. It makes those of each request by itself, with the whole address. */
export function tracing(env: (name: string) => string | undefined): boolean {
  return ["1", "true"].includes(env("OTEL_DENO") ?? "");
}

const api = tracing((name) => Deno.env.get(name)) ? await import("@opentelemetry/api") : undefined;

export interface SpanAbout {
  kind: "internal" | "producer" | "consumer";
  attributes?: Record<string, string | number>;
  /** Values of {@linkcode TRACEPARENT}: it goes on with the first trace, and names the others. Asked for where traces are on. */
  from?: () => (Uint8Array | undefined)[];
}

/**
 * Does `work` as a span of the trace that is under way, or begins one.
 * @param work is given the value of {@linkcode TRACEPARENT} by which others go on with it, where traces are on
 */
export async function traced<T>(
  name: string,
  about: SpanAbout,
  work: (traceparent?: string) => Promise<T>,
): Promise<T> {
  if (api === undefined) return await work();
  const { context, trace, SpanKind, SpanStatusCode } = api;
  const kind = { internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER }[about.kind];
  const [first, ...others] = (about.from?.() ?? []).flatMap(contextIn);
  const parent: Context = first === undefined ? context.active() : trace.setSpanContext(context.active(), first);
  const links = others.filter(({ traceId }) => traceId !== first!.traceId).map((context) => ({ context }));
  const span = trace.getTracer("userpipe").startSpan(name, { kind, attributes: about.attributes, links }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(traceparentOf(span)));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

const decoder = new TextDecoder();

/** None where there is no header, or it is not of that form. */
function contextIn(header: Uint8Array | undefined): SpanContext[] {
  if (header?.length !== 55) return [];
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(decoder.decode(header)) ??
    [];
  if (traceId === undefined || /^0*$/.test(traceId) || /^0*$/.test(spanId!)) return [];
  return [{ traceId, spanId: spanId!, traceFlags: parseInt(flags!, 16), isRemote: true }];
}
