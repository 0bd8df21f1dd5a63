import { isIP } from 'node:net';
import { connect } from 'node:tls';

/** What a TLS server shows of itself, trusted or not. */
export interface PeerCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly selfSigned: boolean;
  /** As the certificate writes them. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Host names and addresses that it is for. */
  readonly names: readonly string[];
}

/**
 * Looks at the certificate of a TLS port without trusting it; nothing is sent but the handshake. `undefined` when the port does not
 * speak TLS, or not in time.
 */
export function peerCertificate(
  host: string,
  port: number,
  timeoutMs: number,
): Promise<PeerCertificate | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      // Looked at, never used: no data is sent over this connection.
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const end = (found: PeerCertificate | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.once('secureConnect', () => {
      const { subject, issuer, valid_from, valid_to, subjectaltname } = socket.getPeerCertificate();
      const nameOf = (name: { CN?: string | string[] } | undefined): string => String(name?.CN ?? 'no name');
      end({
        subject: nameOf(subject),
        issuer: nameOf(issuer),
        selfSigned: JSON.stringify(subject) === JSON.stringify(issuer),
        validFrom: valid_from,
        validTo: valid_to,
        names: (subjectaltname ?? nameOf(subject))
          .split(', ')
          .map((name) => name.replace(/^(DNS|IP Address):/, '')),
      });
    });
  });
}
