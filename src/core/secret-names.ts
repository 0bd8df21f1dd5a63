const NAME_CHARACTERS_MAX = 200;

/** Endings of names whose values nobody but their owner may read; without signs between words, in lower case. */
const ENDINGS =
  /(?:pass(?:word|wd|phrase|code)|pwd|secrets?|tokens?|(?:api|private|access|auth|signing|encryption|master|account|shared|service)keys?|credentials?|authorization|cookies?|jwt|bearer|connectionstring|mnemonic|clientassertion|codeverifier)$/;

/** Names that end so and tell nothing: places in lists, and counts (MCP, "Progress" and "Pagination"). */
const HARMLESS = /(?:progress|page|next|nextpage|continuation|cursor|max|stop|pad|eos|bos|unk)tokens?$/;

/** Whether what is called so (a member, a header, a variable, a column) is a secret; `more` are names that an operator adds. */
export function isSecretName(name: string, more: ReadonlySet<string>): boolean {
  if (name.length > NAME_CHARACTERS_MAX) return false;
  const plain = plainName(name);
  return more.has(plain) || (ENDINGS.test(plain) && !HARMLESS.test(plain));
}

/** `API-Key`, `apiKey` and `api_key` are one name. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}
