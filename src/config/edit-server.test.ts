import { describe, expect, it } from 'vitest';
import { EditRefused, editServer } from './edit-server.ts';

const FILE = `# our servers
mcp_servers:
  db:                      # the company database
    transport: "http"      # was written by hand

    url: http://db:8686/mcp   # port of the pool
    env: { A: "1" }
  files: {url: http://files/, alias: f}   # in one line
  run:
    command: docker
    args:
      - run      # start it
      - --rm
      - image
general_settings:
    port:   4000
`;

const replaced = (from: string, to: string): string => {
  expect(FILE).toContain(from);
  return FILE.replace(from, () => to);
};

describe('an edit of a server', () => {
  it('replaces a value and nothing else, in its quotes and before its comment', () => {
    expect(
      editServer(FILE, 'db', [
        { path: ['transport'], value: 'sse' },
        { path: ['url'], value: 'http://db:8686/sse', was: 'http://db:8686/mcp' },
      ]),
    ).toBe(FILE.replace('"http"', '"sse"').replace('8686/mcp', '8686/sse'));
  });

  it('adds a key behind the address, in the indentation and line ends of the file', () => {
    const line = '    url: http://db:8686/mcp   # port of the pool';
    expect(editServer(FILE, 'db', [{ path: ['alias'], value: 'yes' }])).toBe(
      replaced(line, `${line}\n    alias: "yes"`),
    );
    const windows = FILE.replaceAll('\n', '\r\n');
    expect(editServer(windows, 'db', [{ path: ['alias'], value: 'd' }])).toBe(
      windows.replace(line, `${line}\r\n    alias: d`),
    );
  });

  it('adds to a map in braces, to a nested map and where the nested map is missing', () => {
    expect(editServer(FILE, 'files', [{ path: ['transport'], value: 'sse' }])).toBe(
      replaced('{url: http://files/, alias', '{url: http://files/, transport: sse, alias'),
    );
    expect(editServer(FILE, 'db', [{ path: ['env', 'PATH'], value: '/a:/b' }])).toBe(
      replaced('{ A: "1" }', '{ A: "1", PATH: /a:/b }'),
    );
    expect(editServer(FILE, 'run', [{ path: ['env', 'PATH'], value: '/a:/b' }])).toBe(
      replaced('    command: docker\n', '    command: docker\n    env:\n      PATH: /a:/b\n'),
    );
  });

  it('puts an item into a list', () => {
    expect(editServer(FILE, 'run', [{ path: ['args'], insertAt: 1, item: '-i' }])).toBe(
      replaced('      - --rm', '      - -i\n      - --rm'),
    );
    const flow = 'mcp_servers:\n  a:\n    command: docker\n    args: ["run", "--rm", "x"]\n';
    expect(editServer(flow, 'a', [{ path: ['args'], insertAt: 1, item: '-i' }])).toBe(
      flow.replace('"--rm"', '"-i", "--rm"'),
    );
  });

  it('finds a server in each form in which it may be written', () => {
    const forms = [
      'mcp_servers:\n  - name: a\n    url: http://x/1\n',
      'mcp_servers:\n  - a:\n      url: http://x/1\n',
      'mcp_settings:\n  - mcp_server:\n      url: http://x/1\n      name: a\n',
      '{"mcp_servers": {"a": {"url": "http://x/1"}}}\n',
    ];
    for (const form of forms) {
      expect(editServer(form, 'a', [{ path: ['url'], value: 'http://x/2', was: 'http://x/1' }])).toBe(
        form.replace('/1', '/2'),
      );
    }
    const json = '{\n  "mcp_servers": {\n    "a": {\n      "url": "http://x/1"\n    }\n  }\n}\n';
    expect(JSON.parse(editServer(json, 'a', [{ path: ['transport'], value: 'sse' }]))).toEqual({
      mcp_servers: { a: { url: 'http://x/1', transport: 'sse' } },
    });
  });

  it('keeps the variables and credentials around what changes', () => {
    const file = 'mcp_servers:\n  a:\n    url: http://user:pw@${HOST}:80/sse\n';
    const was = 'http://db:80/sse';
    expect(editServer(file, 'a', [{ path: ['url'], value: 'http://db:80/mcp', was }])).toBe(
      file.replace('/sse', '/mcp'),
    );
    expect(editServer(file, 'a', [{ path: ['url'], value: 'https://db:80/sse', was }])).toBe(
      file.replace('http:', 'https:'),
    );
  });

  it('fills a key that has no value', () => {
    const file = 'mcp_servers:\n  a:\n    transport:   # to be found out\n    url: http://x/1\n';
    expect(editServer(file, 'a', [{ path: ['transport'], value: 'sse' }])).toBe(
      file.replace('transport:', 'transport: sse'),
    );
  });

  it.each([
    ['a value that is a variable', 'mcp_servers:\n  a:\n    url: ${URL}\n'],
    ['an anchor that others use', 'mcp_servers:\n  a:\n    url: &u http://x/1\n  b:\n    url: *u\n'],
    ['an entry that is an alias', 'x-a: &a\n  url: http://x/1\nmcp_servers:\n  a: *a\n'],
    ['a text over several lines', 'mcp_servers:\n  a:\n    url: >-\n      http://x/1\n'],
    ['a server that is not there', 'mcp_servers:\n  b:\n    url: http://x/1\n'],
    ['what is not YAML', 'mcp_servers: {'],
  ])('is refused for %s', (_what, file) => {
    expect(() => editServer(file, 'a', [{ path: ['url'], value: 'http://y/2', was: 'http://x/1' }])).toThrow(
      EditRefused,
    );
  });
});
