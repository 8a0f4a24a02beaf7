/** The limits of messages (LIMIT-1 to LIMIT-4) and of integers. */
export const SENT = { bytes: 1 << 20, levels: 512 };
export const RECEIVED = { bytes: 64 << 20, levels: 10_000 };
export const MAX_DIGITS = 4300; // JSON-7
