import type { LlmConfig } from '../llm-config.ts';
import type { ModelConfig } from '../model-config.ts';
import { type Deployment, mockDeployment, toDeployment } from '../providers/deployment.ts';

const MOCK = mockDeployment('mock-response');
/** In `litellm_params.model`: the whole name that the client asks for, provider included. */
const ANY = '*';

interface Wildcard {
  readonly name: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly members: Member[];
}

/** `undefined`: the entry does not fit this name after all. */
type Member = (part: string) => Deployment | undefined;

/** Names that clients may ask for, and the deployments behind them. */
export class Groups {
  readonly #groups = new Map<string, Deployment[]>();
  readonly #wildcards: Wildcard[] = [];
  readonly #aliases: Readonly<Record<string, string>>;

  /** Throws an Error for an entry that cannot be used. */
  constructor({ models, router }: LlmConfig) {
    this.#aliases = router.groupAliases;
    for (const model of models) {
      if (model.name.includes('*')) this.#addWildcard(model);
      else {
        const group = this.#groups.get(model.name);
        if (group === undefined) this.#groups.set(model.name, [toDeployment(model)]);
        else group.push(toDeployment(model));
      }
    }
    // The one that says most of a name is meant.
    this.#wildcards.sort((a, b) => lengthOf(b) - lengthOf(a));
  }

  /** In configuration order; wildcards as they are written. */
  get names(): readonly string[] {
    return [
      ...this.#groups.keys(),
      ...Object.keys(this.#aliases),
      ...this.#wildcards.map(({ name }) => name),
    ];
  }

  /** The group that an alias means, else the name itself. */
  resolved(name: string): string {
    return this.#groups.has(name) || !Object.hasOwn(this.#aliases, name) ? name : this.#aliases[name]!;
  }

  /** `mock-response` is always there: it answers itself. */
  members(asked: string): readonly Deployment[] {
    const name = this.resolved(asked);
    const group = this.#groups.get(name);
    if (group !== undefined) return group;
    for (const { prefix, suffix, members } of this.#wildcards) {
      if (!name.startsWith(prefix) || !name.endsWith(suffix) || name.length <= prefix.length + suffix.length)
        continue;
      const part = name.slice(prefix.length, name.length - suffix.length);
      const found = members.flatMap((member) => member(part) ?? []);
      if (found.length > 0) return found;
    }
    return name === MOCK.config.name ? [MOCK] : [];
  }

  #addWildcard(model: ModelConfig): void {
    const known = this.#wildcards.find(({ name }) => name === model.name);
    const star = model.name.indexOf('*');
    const wildcard = known ?? {
      name: model.name,
      prefix: model.name.slice(0, star),
      suffix: model.name.slice(star + 1),
      members: [],
    };
    if (known === undefined) this.#wildcards.push(wildcard);
    wildcard.members.push(memberOf(model));
  }
}

function memberOf(model: ModelConfig): Member {
  if (
    model.model === ANY &&
    model.apiBase === undefined &&
    model.params['custom_llm_provider'] === undefined
  ) {
    const id = typeof model.info['id'] === 'string' ? model.info['id'] : `any-${model.index}`;
    return (part) => {
      try {
        return toDeployment({ ...model, model: part, info: { ...model.info, id } });
      } catch {
        return undefined;
      }
    };
  }
  const deployment = toDeployment(model);
  return (part) => ({ ...deployment, model: deployment.model.replace('*', part) });
}

function lengthOf({ prefix, suffix }: Wildcard): number {
  return prefix.length + suffix.length;
}
