// The names and forms of attributes (META-2, META-5).
import { isIPv6 } from "node:net";

/** @param {string} more */
const part = (more) => `(?:[A-Za-z0-9._~!$&'()*+,;=${more}-]|%[0-9A-Fa-f]{2})*`;
const URI = new RegExp( // RFC 3986; the first segment of a relative path has no colon
  "^(?:(?<scheme>[A-Za-z][A-Za-z0-9+.-]*):|(?![^/?#]*:))" +
    `(?://(?:${part(":")}@)?(?:\\[(?<address>[^\\[\\]]*)\\]|${part("")})(?::[0-9]*)?(?=[/?#]|$)|(?!//))` +
    `${part(":@/")}(?:\\?${part(":@/?")})?(?:#${part(":@/?")})?$`,
);
/** @type {Map<string, RegExp>} */
const FORMS = new Map([
  ["id", /^[^]+$/],
  ["time", /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i],
  ["traceparent", /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[^]*)?$/],
]);

/**
 * Whether META-2 permits the name.
 * @param {string} name
 */
export const isAttribute = (name) => /^[a-z0-9]+$/.test(name) && name !== "signals";

/**
 * Whether an attribute has the form that META-5 requires.
 * @param {string} name
 * @param {string} value
 */
export function hasForm(name, value) {
  if (name === "source" || name === "dataschema") return isURI(value, name === "dataschema");
  const form = FORMS.get(name);
  if (!form) return true;
  const found = form.exec(value);
  if (!found) return false;
  if (name === "traceparent" && value.startsWith("00")) return value.length === 55; // only later versions are longer
  return name !== "time" || isDate(Number(found[1]), Number(found[2]), Number(found[3]));
}

/**
 * @param {number} year
 * @param {number} month
 * @param {number} day
 */
function isDate(year, month, day) {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= ([31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0);
}

/**
 * Whether a text is a URI, or, unless `absolute` is set, a reference that is not empty.
 * @param {string} value
 * @param {boolean} absolute
 */
function isURI(value, absolute) {
  const found = URI.exec(value)?.groups;
  if (value === "" || !found || (absolute && !found.scheme)) return false;
  const { address } = found;
  if (address === undefined || /^v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+$/i.test(address)) return true;
  return /^[0-9A-Fa-f:.]+$/.test(address) && isIPv6(address);
}
