import type { Tracer } from '../../core/trace.ts';
import type { Usage } from '../conversation/answer.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Operation } from '../providers/provider-table.ts';

/** Names of OpenTelemetry where they are not ours (Semantic conventions for generative AI, `gen_ai.provider.name`). */
const PROVIDERS: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
  xai: 'x_ai',
};

/** Theirs for why an answer ended, by ours. */
const REASONS: Readonly<Record<string, string>> = {
  end: 'stop',
  'stop-sequence': 'stop',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
};

export interface AttemptFacts {
  readonly deployment: Deployment;
  readonly operation: Operation;
  readonly outcome: LlmOutcome;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
}

/** The span of one try; `end` says what became of it. */
export interface AttemptSpan {
  end(failure: LlmFailure | undefined, usage: Usage | undefined): void;
}

const UNSEEN: AttemptSpan = { end() {} };

/**
 * Starts the span of one try at one deployment (Semantic conventions for generative AI, "Inference"), which the provider is told of through
 * `outcome.trace`. No message is on it.
 */
export function startAttemptSpan(tracer: Tracer, facts: AttemptFacts): AttemptSpan {
  if (!tracer.isOn) return UNSEEN;
  const { deployment, operation, outcome, startedMs } = facts;
  const { model, config, provider, kind, base, id } = deployment;
  const doing = nameOf(operation, kind.paths === 'gemini');
  const span = tracer.start({
    // A wildcard's name is one of few; the client's is not.
    name: `${doing} ${config.name.includes('*') ? config.name : model}`,
    kind: 'client',
    parent: outcome.requestTrace,
    attributes: {
      'gen_ai.operation.name': doing,
      'gen_ai.provider.name': PROVIDERS[provider] ?? provider,
      'gen_ai.request.model': model,
      'lanport.model': config.name,
      'lanport.deployment': id,
      ...serverOf(base),
    },
  });
  outcome.trace = span.context;
  const { stop: stopBefore } = outcome;
  return {
    end: (failure, usage) => {
      const { stop, firstContentMs } = outcome;
      const isMine = firstContentMs !== undefined && firstContentMs >= startedMs;
      span.set({
        'gen_ai.usage.input_tokens': usage?.input,
        'gen_ai.usage.output_tokens': usage?.output,
        'gen_ai.usage.cache_read.input_tokens': usage?.cacheRead,
        'gen_ai.usage.reasoning.output_tokens': usage?.reasoning,
        'gen_ai.response.finish_reasons':
          stop === undefined || stop === stopBefore ? undefined : [REASONS[stop.kind] ?? stop.kind],
        'gen_ai.response.time_to_first_chunk': isMine ? (firstContentMs - startedMs) / 1_000 : undefined,
      });
      span.end(failure?.kind);
    },
  };
}

function nameOf(operation: Operation, isGemini: boolean): string {
  switch (operation) {
    case 'generate':
      return isGemini ? 'generate_content' : 'chat';
    case 'embed':
    case 'embed-batch':
      return 'embeddings';
    case 'count-tokens':
      return 'count_tokens';
  }
}

function serverOf(base: string): { 'server.address'?: string; 'server.port'?: number } {
  if (!URL.canParse(base)) return {};
  const { hostname, port, protocol } = new URL(base);
  return {
    'server.address': hostname,
    'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
}
