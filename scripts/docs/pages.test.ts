import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = dirname(dirname(import.meta.dirname));

async function pages(): Promise<readonly string[]> {
  const top = (await readdir(ROOT)).filter((name) => name.endsWith('.md'));
  const below = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter((name) =>
    name.endsWith('.md'),
  );
  return [...top, ...below.map((name) => `docs/${name}`)].sort();
}

describe('the pages', () => {
  it('link to files that exist', async () => {
    const broken: string[] = [];
    let links = 0;
    for (const page of await pages()) {
      const text = await readFile(join(ROOT, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target) || target.startsWith('#')) continue;
        links++;
        const file = target.split('#')[0] ?? '';
        if (!existsSync(join(ROOT, dirname(page), file))) broken.push(`${page}: ${target}`);
      }
    }
    expect(links).toBeGreaterThan(20);
    expect(broken).toEqual([]);
  });

  it('name files of the source that exist', async () => {
    const gone: string[] = [];
    let names = 0;
    for (const page of await pages()) {
      const text = await readFile(join(ROOT, page), 'utf8');
      for (const [name] of text.matchAll(
        /\b(?:src|scripts|test|bench|docs|examples)\/[\w./-]+\.(?:ts|mjs|md|yaml|json)\b/g,
      )) {
        names++;
        if (!name.includes('YYYY') && !existsSync(join(ROOT, name))) gone.push(`${page}: ${name}`);
      }
    }
    expect(names).toBeGreaterThan(20);
    expect(gone).toEqual([]);
  });

  it('have a row for every dependency, and for nothing else', async () => {
    const text = await readFile(join(ROOT, 'docs/dependencies.md'), 'utf8');
    const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
      await readFile(join(ROOT, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string>>;
    const listed = new Set<string>();
    for (const line of text.split('\n').filter((row) => row.startsWith('| `'))) {
      const names = [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
      const scope = names[0]?.startsWith('@') === true ? `${names[0].split('/')[0]}/` : '';
      for (const name of names) listed.add(name.startsWith('@') || !scope ? name : `${scope}${name}`);
    }
    const wanted = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
    expect([...listed].sort()).toEqual(wanted.sort());
  });
});
