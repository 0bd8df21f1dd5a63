import { describe, expect, it } from 'vitest';
import { generateConfigReference } from './reference.ts';
import { rootSchema } from './schema.ts';
import { childSchema, keysOf, viewSchema } from './schema-walk.ts';

type Json = {
  properties?: Record<string, Json>;
  items?: Json;
  anyOf?: Json[];
  description?: string;
  default?: unknown;
  [key: string]: unknown;
};

const { schema, markdown } = generateConfigReference();
const properties = (schema as Json).properties!;

describe('the JSON Schema', () => {
  it('describes every setting that has an effect, and refuses unknown keys', () => {
    const port = properties['general_settings']!.properties!['port']!;
    expect(port).toMatchObject({
      description: 'TCP port to listen on; 0 lets the system choose.',
      default: 4000,
    });
    expect(port.anyOf![0]).toMatchObject({ type: 'integer', minimum: 0, maximum: 65_535 });
    expect(properties['general_settings']!['additionalProperties']).toBe(false);
  });

  it('allows a variable where a number, true/false or one of several words stands', () => {
    const variable = { type: 'string', pattern: '\\$\\{|^os\\.environ/' };
    for (const key of ['port', 'disable_database', 'mcp_default_access'])
      expect(properties['general_settings']!.properties![key]!.anyOf).toContainEqual(variable);
  });

  it('allows mcp_servers as a map and as a list', () => {
    expect(properties['mcp_servers']!.anyOf!.map((form) => form['type'])).toEqual(['object', 'array']);
    expect(properties['mcp_servers']!.anyOf![1]!.items!.properties).toHaveProperty('name');
  });

  it('carries nothing of the schema that only the program needs', () => {
    const text = JSON.stringify(schema);
    for (const key of ['"inert"', '"later"', '"listForm"', '"words"', '"secret":true'])
      expect(text).not.toContain(key);
  });
});

describe('the page', () => {
  it('has a row with a meaning for every setting of every section', () => {
    const root = viewSchema(rootSchema).core;
    let rows = 0;
    for (const section of keysOf(root)) {
      const view = viewSchema(childSchema(root, section)!);
      for (const key of keysOf(view.core)) {
        const child = viewSchema(childSchema(view.core, key)!);
        const shape =
          child.meta.inert === true ? `\`${key}\`` : `^\\| \`${key}\` \\| [^|].* \\| .* \\| .{5,} \\|$`;
        expect(markdown).toMatch(new RegExp(shape, 'm'));
        rows += 1;
      }
    }
    expect(rows).toBeGreaterThan(250);
  });

  it('says default, environment variable and what has no effect so far', () => {
    expect(markdown).toContain(
      '| `port` | whole number | `4000` | TCP port to listen on; 0 lets the system choose. Environment: `LANPORT_PORT`. |',
    );
    expect(markdown).toContain('| `api_key` | secret text | required | The key as clients send it.');
    expect(markdown).toContain('Without effect so far: servers are watched by their connection only.');
    expect(markdown).toContain('## `mcp_servers.<name>`');
    expect(markdown).not.toContain('undefined');
  });

  it('comes out the same every time', () => {
    expect(generateConfigReference()).toEqual({ schema, markdown });
  });
});
