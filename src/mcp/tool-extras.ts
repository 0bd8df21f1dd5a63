import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json-scan.ts';
import type { ToolContext } from './tool-context.ts';

/** A resource that is there whatever the server knows (2025-11-25, Resources). */
export interface ResourceDefinition {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
}

/** Many resources of one form (RFC 6570, level 1). */
export interface ResourceTemplate extends Omit<ResourceDefinition, 'uri'> {
  readonly uriTemplate: string;
}

/** What a server offers to be read besides its tools. */
export interface ServerResources {
  readonly listed: readonly ResourceDefinition[];
  readonly templates: readonly ResourceTemplate[];
  /** The text of one, or why there is none. A template's URI or a listed one. */
  read(
    uri: string,
    context: ToolContext,
  ): Promise<{ readonly text: string; readonly mimeType: string } | { readonly problem: string }>;
}

/** A prompt that a person chooses (2025-11-25, Prompts); every argument is text. */
export interface PromptDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly {
    readonly name: string;
    readonly description: string;
    readonly required: boolean;
  }[];
  /** What is said to the model in the user's name. */
  text(args: Readonly<Record<string, string>>): string;
}

/** What a client wants completed (2025-11-25, Completion). */
export interface CompletionQuestion {
  /** The prompt's name or the template's URI. */
  readonly of: string;
  readonly argument: string;
  /** What has been typed. */
  readonly value: string;
  /** Other arguments that are known already. */
  readonly known: Readonly<Record<string, string>>;
}

/** All that a tool server may offer besides tools; what is absent is not declared. */
export interface ServerExtras {
  readonly resources?: ServerResources;
  readonly prompts?: readonly PromptDefinition[];
  /** Values in the order in which they are shown; the server cuts them at 100. Never rejects: nothing to suggest is an empty list. */
  complete?(question: CompletionQuestion, context: ToolContext): Promise<readonly string[]>;
}

/** Values that one answer to completion/complete may have (2025-11-25, Completion, "Completion Results"). */
const VALUES_MAX = 100;
const NAME_CHARACTERS_SHOWN = 200;

/** What these offers add to the server's declared capabilities. */
export function extraCapabilities(extras: ServerExtras): Readonly<Record<string, object>> {
  return {
    ...(extras.resources === undefined ? {} : { resources: {} }),
    ...(extras.prompts === undefined ? {} : { prompts: {} }),
    ...(extras.complete === undefined ? {} : { completions: {} }),
  };
}

/** The members of a result, and whether any client may keep it as it is, or `undefined` for a method that is none of these. Throws GatewayError. */
export async function answerExtra(
  extras: ServerExtras,
  method: string,
  params: JsonObject | undefined,
  context: ToolContext,
): Promise<
  | { readonly members: Readonly<Record<string, unknown>>; readonly kept: 'list' | 'never' | 'none' }
  | undefined
> {
  const { resources, prompts } = extras;
  switch (method) {
    case 'resources/list':
      return resources && { members: { resources: resources.listed }, kept: 'list' };
    case 'resources/templates/list':
      return resources && { members: { resourceTemplates: resources.templates }, kept: 'list' };
    case 'resources/read':
      return resources && { members: await readResource(resources, params, context), kept: 'never' };
    case 'prompts/list':
      return (
        prompts && {
          members: { prompts: prompts.map(({ text: _text, ...definition }) => definition) },
          kept: 'list',
        }
      );
    case 'prompts/get':
      return prompts && { members: getPrompt(prompts, params), kept: 'none' };
    case 'completion/complete':
      return extras.complete && { members: await complete(extras, params, context), kept: 'none' };
    default:
      return undefined;
  }
}

async function readResource(
  resources: ServerResources,
  params: JsonObject | undefined,
  context: ToolContext,
): Promise<Readonly<Record<string, unknown>>> {
  const uri = params?.string('uri');
  if (uri === undefined) throw new GatewayError('rpc-params', { reason: '"uri" is missing' });
  const found = await resources.read(uri, context);
  if ('problem' in found) throw new GatewayError('rpc-params', { reason: found.problem });
  return { contents: [{ uri, mimeType: found.mimeType, text: found.text }] };
}

function getPrompt(
  prompts: readonly PromptDefinition[],
  params: JsonObject | undefined,
): Readonly<Record<string, unknown>> {
  const name = params?.string('name');
  const prompt = prompts.find((one) => one.name === name);
  if (prompt === undefined) {
    const known = prompts.map((one) => one.name).join(', ');
    throw new GatewayError('rpc-params', {
      reason: `there is no prompt ${JSON.stringify(name?.slice(0, NAME_CHARACTERS_SHOWN) ?? null)} (there are: ${known})`,
    });
  }
  const args = texts(params?.value('arguments'));
  const missing = prompt.arguments.find((one) => one.required && args[one.name] === undefined);
  if (missing !== undefined)
    throw new GatewayError('rpc-params', {
      reason: `argument "${missing.name}" of ${prompt.name} is missing`,
    });
  return {
    description: prompt.description,
    messages: [{ role: 'user', content: { type: 'text', text: prompt.text(args) } }],
  };
}

async function complete(
  extras: ServerExtras,
  params: JsonObject | undefined,
  context: ToolContext,
): Promise<Readonly<Record<string, unknown>>> {
  const ref = params?.child('ref');
  const argument = params?.child('argument');
  const of = ref?.string('name') ?? ref?.string('uri');
  const name = argument?.string('name');
  if (of === undefined || name === undefined)
    throw new GatewayError('rpc-params', { reason: '"ref" and "argument" must each have a name' });
  const question: CompletionQuestion = {
    of,
    argument: name,
    value: argument?.string('value') ?? '',
    known: texts(params?.child('context')?.value('arguments')),
  };
  const values = (await extras.complete?.(question, context)) ?? [];
  return {
    completion: {
      values: values.slice(0, VALUES_MAX),
      total: values.length,
      hasMore: values.length > VALUES_MAX,
    },
  };
}

/** The members that are text. */
function texts(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
