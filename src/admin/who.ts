export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Who may ask: everybody without a key, every valid key (which sees its own), keys that manage others, or the operator alone. */
export type Who = 'everybody' | 'any key' | 'management key' | 'master key';

/** How far a key reaches: everything, all accounts, reading all accounts, or its own. */
export type Reach = 'all' | 'manage' | 'read' | 'own';
