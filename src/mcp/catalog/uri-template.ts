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
 * request goes, and the server decides. Each place is tried once, whatever the template.
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

const URI_CHARACTERS_MAX = 8_192;

function matches(parts: readonly Part[], uri: string): boolean {
  if (uri.length > URI_CHARACTERS_MAX) return false;
  // Places that led nowhere, so that each is tried once.
  const failed = new Set<number>();
  const from = (index: number, at: number): boolean => {
    const part = parts[index];
    if (part === undefined) return at === uri.length;
    const key = index * (URI_CHARACTERS_MAX + 1) + at;
    if (failed.has(key)) return false;
    if (part.gap === 'none') {
      if (uri.startsWith(part.literal, at) && from(index + 1, at + part.literal.length)) return true;
    } else {
      const slash = part.gap === 'segment' ? uri.indexOf('/', at) : -1;
      const last = slash < 0 ? uri.length : slash;
      // The last literal can only stand at the end.
      let next =
        index === parts.length - 1 ? uri.length - part.literal.length : uri.indexOf(part.literal, at);
      while (next >= at && next <= last && uri.startsWith(part.literal, next)) {
        if (from(index + 1, next + part.literal.length)) return true;
        next = part.literal === '' ? next + 1 : uri.indexOf(part.literal, next + 1);
        if (next > uri.length) break;
      }
    }
    failed.add(key);
    return false;
  };
  return from(0, 0);
}
