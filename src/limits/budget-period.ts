/** The budget periods that limits count in, for those who show them. */
export { periodAt } from './meters/period.ts';
/** The calendars that they follow. */
export { type Calendar, calendarOf, UTC } from './meters/calendar.ts';
