import { z } from 'zod';
import type { ConfigPath, SettingMeta } from '../core/setting.ts';

/** What a schema is made of, told apart by `type`. */
export type SchemaDef = z.core.$ZodTypes['_zod']['def'];

/** The definition inside a schema. zod offers no other door for walking schemas (https://zod.dev/library-authors). */
export function defOf(schema: z.core.$ZodType): SchemaDef {
  // oxlint-disable-next-line no-underscore-dangle
  return (schema as z.core.$ZodTypes)._zod.def;
}

/** A field's schema without its wrappers, and what the wrappers said. */
export interface SchemaView {
  readonly core: z.core.$ZodType;
  readonly def: SchemaDef;
  readonly meta: SettingMeta;
  readonly optional: boolean;
  /** `undefined` when there is no default. */
  readonly defaultValue: unknown;
}

/** Looks through optional, default, pipes and the like. The outermost meaning counts. */
export function viewSchema(schema: z.core.$ZodType): SchemaView {
  let current = schema;
  let meta: SettingMeta = {};
  let optional = false;
  let defaultValue: unknown;
  for (;;) {
    meta = { ...(z.globalRegistry.get(current) as SettingMeta | undefined), ...meta };
    const def = defOf(current);
    switch (def.type) {
      case 'default':
        defaultValue ??= def.defaultValue;
        optional = true;
        current = def.innerType;
        break;
      case 'prefault':
        if (typeof def.defaultValue !== 'object') defaultValue ??= def.defaultValue;
        optional = true;
        current = def.innerType;
        break;
      case 'optional':
        optional = true;
        current = def.innerType;
        break;
      case 'nullable':
        current = def.innerType;
        break;
      case 'pipe':
        current = def.in;
        break;
      default:
        return { core: current, def, meta, optional, defaultValue };
    }
  }
}

/** The schema of a child, or `undefined` when the parent knows none of that name. */
export function childSchema(parent: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  const def = defOf(parent);
  switch (def.type) {
    case 'object':
      return Object.hasOwn(def.shape, String(part)) ? def.shape[String(part)] : undefined;
    case 'record':
      return def.valueType;
    case 'array':
      return def.element;
    case 'union':
      return def.options
        .map((option) => childSchema(viewSchema(option).core, part))
        .find((found) => found !== undefined);
    default:
      return undefined;
  }
}

/** The schema at `path`, or `undefined` when there is no such setting. */
export function schemaAt(root: z.core.$ZodType, path: ConfigPath): SchemaView | undefined {
  let view = viewSchema(root);
  for (const part of path) {
    const child = childSchema(view.core, part);
    if (child === undefined) return undefined;
    view = viewSchema(child);
  }
  return view;
}

/** Keys that an object has; empty for anything else. */
export function keysOf(schema: z.core.$ZodType): readonly string[] {
  const def = defOf(schema);
  return def.type === 'object' ? Object.keys(def.shape) : [];
}

/** What may be written, in words. */
export function typeWords({ def, meta }: SchemaView): string {
  if (meta.words !== undefined) return meta.words;
  switch (def.type) {
    case 'string':
      return 'text';
    case 'number':
      return 'format' in def ? 'whole number' : 'number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list of ${typeWords(viewSchema(def.element))}`;
    case 'record':
      return `map of ${typeWords(viewSchema(def.valueType))}`;
    case 'object':
      return 'map';
    case 'enum':
      return Object.values(def.entries).join(', ');
    case 'literal':
      return def.values.map(String).join(', ');
    case 'union':
      return [...new Set(def.options.map((option) => typeWords(viewSchema(option))))].join(' or ');
    default:
      return 'anything';
  }
}
