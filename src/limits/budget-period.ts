/** The budget periods that limits count in, for those who show them. */
export { periodAt } from './meters/period.ts';
