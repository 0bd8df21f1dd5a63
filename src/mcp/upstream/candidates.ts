import type { Found } from '../catalog/catalog.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import type { Era } from '../wire/revisions.ts';
import type { Finding } from './finding.ts';

/** One address to try over one transport. */
export interface HttpCandidate {
  readonly transport: 'http' | 'sse';
  readonly url: string;
  /** Tried without probing the other era first. */
  readonly era?: Era;
  /** From memory, so that failing there proves nothing yet. */
  readonly remembered?: boolean;
}

/** Where to look for a server, in order: as declared, as remembered, the other transport, then the usual paths beside it. */
export function candidates(config: ServerConfig, remembered: Found | undefined): HttpCandidate[] {
  const url = config.url!;
  const declared = config.transport === 'sse' ? 'sse' : 'http';
  const list: HttpCandidate[] = [];
  const add = (candidate: HttpCandidate): void => {
    const isSame = (other: HttpCandidate): boolean =>
      other.transport === candidate.transport && other.url === candidate.url && other.era === candidate.era;
    if (!list.some(isSame)) list.push(candidate);
  };
  if (remembered?.url !== undefined && (remembered.transport === 'http' || remembered.transport === 'sse')) {
    add({
      transport: remembered.transport,
      url: remembered.url,
      remembered: true,
      ...(remembered.era === 'legacy' ? { era: 'legacy' as const } : {}),
    });
  }
  add({ transport: declared, url });
  if (config.transportStrict)
    return list.filter((candidate) => candidate.transport === declared && candidate.url === url);
  add({ transport: declared === 'http' ? 'sse' : 'http', url });
  for (const path of ['/mcp', '/sse']) {
    for (const base of bases(url))
      add({ transport: path === '/sse' ? 'sse' : 'http', url: `${base}${path}` });
  }
  return list;
}

/** The address without a final `/mcp`, `/sse` or `/`, and the origin. */
function bases(url: string): string[] {
  const parsed = new URL(url);
  const path = parsed.pathname.replace(/\/(?:mcp|sse)?\/?$/, '');
  return [...new Set([`${parsed.origin}${path}`, parsed.origin])];
}

/** What to change when a server was found otherwise than declared. */
export function mismatchFinding(config: ServerConfig, found: Found): Finding | undefined {
  const declared = config.transport === 'sse' ? 'sse' : 'http';
  const changes: string[] = [];
  if (found.transport !== declared) changes.push(`${at(config, 'transport')}transport: ${found.transport}`);
  if (found.url !== config.url) changes.push(`${at(config, 'url')}url: ${found.url ?? ''}`);
  if (changes.length === 0) return undefined;
  return {
    code: 'transport-mismatch',
    text: `Server "${config.name}" is declared with transport ${config.transport} at ${config.url}, but it speaks ${words(found)} at ${found.url}. That is used now.`,
    fix: changes.join(' and '),
  };
}

function words(found: Found): string {
  return found.transport === 'sse' ? 'HTTP+SSE' : `streamable HTTP (${found.revision})`;
}

function at(config: ServerConfig, key: string): string {
  return `${config.source.file}:${config.source.keyLines[key] ?? config.source.line}: `;
}
