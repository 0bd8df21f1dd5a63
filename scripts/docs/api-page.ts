import { z } from 'zod';
import { DATA_ROUTES } from '../../src/admin/data-routes.ts';
import { WHO } from '../../src/admin/openapi.ts';
import { GROUPS, type Operation } from '../../src/admin/operation.ts';
import { OPERATIONS } from '../../src/admin/operations.ts';
import { cell, GENERATED } from './markdown.ts';

interface Member {
  readonly type?: unknown;
  readonly words?: string;
  readonly anyOf?: readonly Member[];
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly items?: Member;
  readonly inert?: boolean;
  readonly default?: unknown;
}

/** docs/reference/api.md: every operation with a request that works. */
export function apiPage(): string {
  const chapters = GROUPS.map((group) => {
    const operations = OPERATIONS.filter((operation) => operation.group === group);
    return `## ${group}\n\n${operations.map(section).join('\n')}`;
  });
  const routes = DATA_ROUTES.map(
    ({ method, path, group, summary }) => `| ${group} | \`${method} ${path}\` | ${cell(summary)} |`,
  );
  return `# Operator API

${GENERATED('src/admin')}

The same as a machine reads it: \`GET /openapi.json\` of a running gateway, or [openapi.json](openapi.json). Send a key as \`Authorization: Bearer KEY\`
or \`x-litellm-api-key: KEY\`. The master key may do everything. A management key is a key with \`key_type: management\`, or one of a user whose \`user_role\` is
\`proxy_admin\`; keys with \`key_type: read_only\`, and those of a \`proxy_admin_viewer\`, may read what a management key may.

Names, defaults and answers are LiteLLM's (1.77), so that its clients work; members that LiteLLM does not have stand beside its own. Two things differ: a field
that is not known is refused (422), because a limit with a misspelled name would be no limit; and a field of LiteLLM that has no effect here is answered
with a sentence in \`warnings\`. Every problem of a request is told at once:

\`\`\`json
{"error": {"message": "The request has problems: max_budgte is not known here; did you mean max_budget?", "type": "validation_error",
  "param": "max_budgte", "code": "422", "lanport": "input-invalid"}, "detail": [{"loc": ["body", "max_budgte"], "msg": "…", "type": "extra_forbidden"}]}
\`\`\`

\`error.type\` is LiteLLM's word, \`error.lanport\` the code of [errors.md](errors.md). Durations are \`30s\`, \`30m\`, \`24h\`, \`30d\`, \`1w\`, \`1mo\` or seconds.

${chapters.join('\n')}
## Everything else that is served

| | route | what |
| --- | --- | --- |
${routes.join('\n')}
`;
}

function section(operation: Operation): string {
  const { method, path, also = [], who, summary } = operation;
  const others = also.length === 0 ? '' : ` Also ${also.map((one) => `\`${one}\``).join(', ')}.`;
  return `### ${method} ${path}

${summary}${others} Takes ${WHO[who]}.

\`\`\`sh
${curl(operation)}
\`\`\`
${fields('Query', operation.query)}${fields('Body', operation.body)}`;
}

function curl({ method, path, who, example }: Operation): string {
  const { params = {}, query, body } = example;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? name));
  const search =
    query === undefined
      ? ''
      : `?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString()}`;
  const key = who === 'everybody' ? '' : ' -H "Authorization: Bearer $KEY"';
  const url = `http://127.0.0.1:4000${filled}${search}`;
  const data =
    body === undefined ? '' : ` \\\n  -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  return `curl -s${method === 'GET' ? '' : ` -X ${method}`} ${search === '' ? url : `'${url}'`}${key}${data}`;
}

function fields(title: string, schema: z.ZodType | undefined): string {
  if (schema === undefined) return '';
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as {
    readonly properties?: Readonly<Record<string, Member>>;
    readonly required?: readonly string[];
  };
  const all = Object.entries(properties);
  const rows = all
    .filter(([, member]) => member.inert !== true)
    .map(
      ([name, member]) =>
        `| \`${name}\`${required.includes(name) ? ' (required)' : ''} | ${cell(typeOf(member))} | ${cell(meaning(member))} |`,
    );
  const without = all.filter(([, { inert }]) => inert === true).map(([name]) => `\`${name}\``);
  const note = without.length === 0 ? '' : `\nWithout effect: ${without.join(', ')}.\n`;
  return `\n| ${title} | type | |\n| --- | --- | --- |\n${rows.join('\n')}\n${note}`;
}

function meaning({ description = '', default: standard }: Member): string {
  return standard === undefined
    ? description
    : `${description} Without it: ${JSON.stringify(standard)}.`.trim();
}

function typeOf(member: Member): string {
  if (member.words !== undefined) return member.words;
  if (member.enum !== undefined) return member.enum.map((one) => JSON.stringify(one)).join(', ');
  if (member.anyOf !== undefined)
    return [...new Set(member.anyOf.map(typeOf).filter((one) => one !== 'null'))].join(' or ');
  if (member.type === 'array')
    return `list of ${member.items === undefined ? 'anything' : typeOf(member.items)}`;
  const types = [member.type].flat().filter((one) => typeof one === 'string' && one !== 'null');
  return types.length === 0 ? 'anything' : types.join(' or ');
}
