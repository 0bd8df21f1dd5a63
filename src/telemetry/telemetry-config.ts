import { z } from 'zod';
import { type ConfigReport, secretText, setting } from '../core/setting.ts';
import { Secret } from '../core/secret.ts';

/** What is measured and traced, and who gets it. */
export interface TelemetryConfig {
  /** Whether `GET /metrics` takes no key. */
  readonly metricsPublic: boolean;
  /** `undefined`: no traces are sent. */
  readonly traces: TracesConfig | undefined;
}

/** Where traces go, and how many. */
export interface TracesConfig {
  /** Takes traces as OTLP over HTTP, in JSON. */
  readonly url: string;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly serviceName: string;
  /** The share of traces that are recorded, of those that begin here: 0 to 1. */
  readonly sampleRatio: number;
}

/** Keys of `general_settings` that belong to telemetry. */
export const telemetryGeneralShape = {
  metrics_public: setting(
    z.boolean().default(false),
    'GET /metrics takes no key: for a Prometheus that cannot send one, in a network where everybody may see what is called and how often. general_settings.allowed_ips still counts.',
    { env: ['LANPORT_METRICS_PUBLIC'] },
  ),
};

/** Keys of `litellm_settings` that belong to telemetry. */
export const telemetryLitellmShape = {
  require_auth_for_metrics_endpoint: setting(
    z.boolean().optional(),
    'false is the same as general_settings.metrics_public: true.',
  ),
};

const SERVICE_NAME = 'lanport';
const httpUrl = (): z.ZodString =>
  z
    .string()
    .regex(
      /^https?:\/\/[^\s@]+$/,
      'must be an address that begins with http:// or https://, without user and password: those belong into otlp_headers',
    );

/** Top-level section `telemetry`. */
export const telemetrySchema = z.strictObject({
  otlp_endpoint: setting(
    httpUrl().optional(),
    'Where traces are sent as OTLP over HTTP (JSON), without the path: http://collector:4318. Without it there are none. Takes effect with a restart, as the whole section.',
    { env: ['OTEL_EXPORTER_OTLP_ENDPOINT'] },
  ),
  otlp_traces_endpoint: setting(
    httpUrl().optional(),
    'The same with its path: http://collector:4318/v1/traces. Wins over otlp_endpoint.',
    { env: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] },
  ),
  otlp_headers: setting(
    secretText().optional(),
    'Headers that go with the traces: name=value, separated by commas, values percent-encoded.',
    { env: ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'], secret: true },
  ),
  service_name: setting(
    z.string().min(1, 'must not be empty').max(200).default(SERVICE_NAME),
    'What the gateway calls itself in traces.',
    { env: ['OTEL_SERVICE_NAME'] },
  ),
  sample_ratio: setting(
    z.number().min(0).max(1).default(1),
    'Share of the traces that begin here and are recorded, 0 to 1. A trace that a client began is recorded when the client records it.',
    { env: ['OTEL_TRACES_SAMPLER_ARG'] },
  ),
});

interface TelemetrySettings {
  readonly general: { readonly metrics_public: boolean };
  readonly litellm: { readonly require_auth_for_metrics_endpoint?: boolean | undefined };
  readonly section: z.output<typeof telemetrySchema>;
}

/** The slice from `general_settings`, `litellm_settings` and `telemetry`. */
export function resolveTelemetry(
  { general, litellm, section }: TelemetrySettings,
  report: Pick<ConfigReport, 'error'>,
): TelemetryConfig {
  const url = section.otlp_traces_endpoint ?? tracesUrl(section.otlp_endpoint);
  const headers = headersOf(section.otlp_headers?.reveal() ?? '');
  if (headers === undefined)
    report.error(
      ['telemetry', 'otlp_headers'],
      'is no list of headers',
      'Write name=value, separated by commas, with special characters percent-encoded.',
    );
  return {
    metricsPublic: general.metrics_public || litellm.require_auth_for_metrics_endpoint === false,
    traces:
      url === undefined
        ? undefined
        : {
            url,
            headers: headers ?? {},
            serviceName: section.service_name,
            sampleRatio: section.sample_ratio,
          },
  };
}

/** The path of traces behind a base address (OpenTelemetry, "OTLP Exporter Configuration", endpoint URLs). */
function tracesUrl(base: string | undefined): string | undefined {
  return base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`;
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\x20-\x7e]*$/;

/** The members of a W3C baggage string, which is how headers are written there; `undefined`: it is none. */
function headersOf(text: string): Readonly<Record<string, Secret>> | undefined {
  const headers: Record<string, Secret> = {};
  for (const member of text.split(',')) {
    if (member.trim() === '') continue;
    const equals = member.indexOf('=');
    const name = member.slice(0, Math.max(0, equals)).trim();
    const value = decoded(member.slice(equals + 1).trim());
    if (!HEADER_NAME.test(name) || value === undefined || !HEADER_VALUE.test(value)) return undefined;
    headers[name] = new Secret(value);
  }
  return headers;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
