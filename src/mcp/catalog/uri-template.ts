/** Whether a URI could have been made from a template. */
export type TemplateMatcher = (uri: string) => boolean;

interface Part {
  readonly literal: string;
  /** What may stand between the literal before and this one: nothing, a segment without `/`, or anything. */
  readonly gap: 'none' | 'segment' | 'any';
}

const EXPRESSION = /\{([+#./;?&]?)([^{}]*)\}/g;

/**
 * A matcher for an RFC 6570 template. It accepts every URI that the template can make, and in odd cases one that it cannot: it says where a
 * request goes, and the server decides. It runs in linear time whatever the template.
 */
export function templateMatcher(template: string): TemplateMatcher {
  const parts: Part[] = [];
  let gap = 'none' as Part['gap'];
  let at = 0;
  for (const match of template.matchAll(EXPRESSION)) {
    const literal = template.slice(at, match.index);
    at = match.index + match[0].length;
    if (literal !== '' || parts.length === 0) {
      parts.push({ literal, gap });
      gap = 'none';
    }
    const isSegment: boolean = match[1] === '' && !(match[2] ?? '').endsWith('*') && gap !== 'any';
    gap = isSegment ? 'segment' : 'any';
  }
  parts.push({ literal: template.slice(at), gap });
  return (uri) => matches(parts, uri);
}

function matches(parts: readonly Part[], uri: string): boolean {
  let at = 0;
  for (const [index, { literal, gap }] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (gap === 'none') {
      if (!uri.startsWith(literal, at)) return false;
      at += literal.length;
      if (isLast) return at === uri.length;
      continue;
    }
    const next = isLast ? uri.length - literal.length : uri.indexOf(literal, at);
    if (next < at || !uri.startsWith(literal, next)) return false;
    if (gap === 'segment' && uri.slice(at, next).includes('/')) return false;
    at = next + literal.length;
    if (isLast) return at === uri.length;
  }
  return at === uri.length;
}
