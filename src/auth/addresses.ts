import { BlockList, isIP } from 'node:net';

/** Longest text that is taken for an address; anything else is cut for logs and messages. */
const ADDRESS_CHARACTERS_MAX = 64;
/** The first 96 bits of an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2). */
const MAPPED_BITS = 96;

/** Whether an address is on a list. */
export type AddressTest = (address: string) => boolean;

/**
 * A list of IPv4 and IPv6 addresses and CIDR ranges. IPv4-mapped IPv6 addresses count as the IPv4 addresses that they are, in the list
 * and in what is asked. Throws with the entry that is neither address nor range.
 */
export function addressList(entries: readonly string[]): AddressTest {
  const list = new BlockList();
  for (const entry of entries) addEntry(list, entry.trim());
  return (address) => {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function addEntry(list: BlockList, entry: string): void {
  const [written = '', bits, ...rest] = entry.split('/');
  const given = isIP(written);
  if (given === 0 || rest.length > 0) throw new Error(`"${entry}" is neither an IP address nor a CIDR range`);
  const address = plainAddress(written);
  const family = isIP(address);
  const type = family === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) {
    list.addAddress(address, type);
    return;
  }
  const prefix = Number(bits) - (given === family ? 0 : MAPPED_BITS);
  if (!/^\d{1,3}$/.test(bits) || prefix < 0 || prefix > (family === 4 ? 32 : 128))
    throw new Error(`"${entry}" has no proper prefix length`);
  list.addSubnet(address, prefix, type);
}

/** An address as it is compared and recorded: IPv4-mapped ones as IPv4, without a zone. Text that is no address is kept, cut. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%');
  const text = zone === -1 ? address : address.slice(0, zone);
  if (isIP(text) !== 6) return text.slice(0, ADDRESS_CHARACTERS_MAX);
  const lower = text.toLowerCase();
  if (!lower.startsWith('::ffff:')) return text;
  const tail = lower.slice(7);
  if (isIP(tail) === 4) return tail;
  const groups = tail.split(':').map((group) => Number.parseInt(group, 16));
  if (groups.length !== 2) return text;
  return groups.flatMap((group) => [group >> 8, group & 0xff]).join('.');
}

/** Whether the address is this machine's own (127.0.0.0/8, ::1), as the socket tells it. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

/**
 * The last address of X-Forwarded-For that is not of a proxy: the one that the outermost proxy saw. What stands before it, the client may
 * have written. `undefined` when the header names none; without `isProxy` only the last counts.
 */
export function forwardedAddress(header: string | undefined, isProxy?: AddressTest): string | undefined {
  const addresses = header?.split(',') ?? [];
  let found: string | undefined;
  for (let at = addresses.length - 1; at >= 0; at--) {
    const written = addresses[at]!.trim();
    if (written === '') break;
    const bracketed = /^\[(.+)\](?::\d+)?$/.exec(written)?.[1];
    const withPort = /^([\d.]+):\d+$/.exec(written)?.[1];
    found = plainAddress(bracketed ?? withPort ?? written);
    if (isProxy?.(found) !== true) break;
  }
  return found;
}
