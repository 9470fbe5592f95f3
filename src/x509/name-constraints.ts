import { equalBytes, latin1 } from "../bytes.ts";
import { readDer } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";
import type { PathBudget } from "./budget.ts";
import type { Certificate } from "./certificate.ts";
import { showName } from "./distinguished-name.ts";
import type { GeneralName, GeneralSubtree, NameConstraints } from "./general-name.ts";
import { showIpAddress } from "./ip-address.ts";
import { AttributeType, foldRelativeName, relativeNamesOf } from "./name-attributes.ts";
import {
  isHostName,
  isPresentedDnsName,
  type Mailbox,
  presentedDnsName,
  readMailbox,
} from "./reference-name.ts";

/**
 * Holds names against name constraints (RFC 5280 §4.2.1.10) for one path, each certificate against each of the constraints at most once,
 * and charges a budget.
 *
 * What is permitted is said for each kind of name: a kind that is not mentioned is free. Excluded wins. It fails closed: a constraint of a
 * kind that is not understood here (URI, otherName, ...) forbids every name of that kind, and a name or constraint that is
 * malformed is excluded and never permitted.
 */
export class NameConstraintChecks {
  readonly #budget: PathBudget;
  readonly #names = new Map<Certificate, readonly ConstrainedName[]>();
  readonly #subtrees = new Map<NameConstraints, SubtreeForms>();
  readonly #violations = new Map<NameConstraints, Map<Certificate, string | null>>();

  constructor(budget: PathBudget) {
    this.#budget = budget;
  }

  /**
   * Which name of `certificate` an authority with `constraints` must not issue for; null when there is none.
   * @throws {BudgetExhausted}
   */
  findViolation(constraints: NameConstraints, certificate: Certificate): string | null {
    const violations = this.#violations.get(constraints) ?? new Map<Certificate, string | null>();
    this.#violations.set(constraints, violations);
    const known = violations.get(certificate);
    if (known !== undefined) return known;
    const violation = this.#compare(constraints, certificate);
    violations.set(certificate, violation);
    return violation;
  }

  #compare(constraints: NameConstraints, certificate: Certificate): string | null {
    const names = this.#names.get(certificate) ?? constrainedNames(certificate).map(prepare);
    this.#names.set(certificate, names);
    if (names.length === 0) return null;
    this.#budget.spendNameComparisons(
      names.length * (constraints.permitted.length + constraints.excluded.length),
    );
    const { permitted, excluded } = this.#formsOf(constraints);
    for (const { name, form } of names) {
      if (excluded.some((base) => isSameKind(base, form) && covers(base, form, "excluded")))
        return `${showGeneralName(name)} is excluded`;
      const bases = permitted.filter((base) => isSameKind(base, form));
      if (bases.length > 0 && !bases.some((base) => covers(base, form, "permitted")))
        return `${showGeneralName(name)} is not permitted`;
    }
    return null;
  }

  #formsOf(constraints: NameConstraints): SubtreeForms {
    const known = this.#subtrees.get(constraints);
    if (known !== undefined) return known;
    const forms = {
      permitted: constraints.permitted.map(formOf),
      excluded: constraints.excluded.map(formOf),
    };
    this.#subtrees.set(constraints, forms);
    return forms;
  }
}

/** The lists of {@link NameConstraints}. */
interface SubtreeForms {
  readonly permitted: readonly Form[];
  readonly excluded: readonly Form[];
}

/** Whether the base of a subtree has a form that RFC 5280 §4.2.1.10 gives it. */
export function isWellFormedSubtree(subtree: GeneralSubtree): boolean {
  const form = formOf(subtree);
  if (form.kind === "dns") return form.host === form.name;
  if (form.kind === "email") return form.mailbox !== null || form.hosts !== null;
  return true;
}

/** The names of a certificate that constraints are about: those of subjectAltName, and the subject unless it is empty. */
function constrainedNames({ subject, extensions }: Certificate): readonly GeneralName[] {
  const names: GeneralName[] = [...(extensions.subjectAltName ?? [])];
  const attributes = relativeNamesOf(subject).flat();
  if (attributes.length === 0) return names;
  // "When the certificate does not include a subject alternative name, the constraint MUST be applied to the attribute of type emailAddress."
  // Here also where it has names of other kinds only.
  if (!names.some(({ kind }) => kind === "email")) {
    for (const { type, value } of attributes) {
      if (type === AttributeType.emailAddress) names.push({ kind: "email", address: value });
    }
  }
  names.push({ kind: "directory", name: subject });
  return names;
}

interface ConstrainedName {
  readonly name: GeneralName;
  readonly form: Form;
}

function prepare(name: GeneralName): ConstrainedName {
  return { name, form: formOf(name) };
}

/** A name or subtree, made ready to be compared many times. */
type Form =
  | {
      readonly kind: "dns";
      readonly name: string;
      /** Whether it is a name of a certificate, perhaps with a wildcard. */
      readonly isPresented: boolean;
      /** The name that it stands for as a base, without the leading dot that some CAs write; null when it cannot be one. */
      readonly host: string | null;
    }
  /** Without a mask: the address alone. */
  | { readonly kind: "ip"; readonly octets: Uint8Array; readonly mask?: Uint8Array }
  | {
      readonly kind: "email";
      readonly mailbox: Mailbox | null;
      /** The host that it stands for as a base, or, behind a dot, those under it, in lower case; null when it is a mailbox, or nothing. */
      readonly hosts: string | null;
    }
  | {
      readonly kind: "directory";
      readonly relativeNames: readonly Uint8Array[];
      readonly folded: readonly string[];
    }
  | { readonly kind: "uri" }
  /** By the number of its tag: otherName, x400Address and the like. */
  | { readonly kind: "other"; readonly tag: number };

type DnsForm = Extract<Form, { readonly kind: "dns" }>;
type EmailForm = Extract<Form, { readonly kind: "email" }>;

function formOf(name: GeneralName | GeneralSubtree): Form {
  switch (name.kind) {
    case "dns": {
      const text = presentedDnsName(name.name);
      return { kind: "dns", name: text, isPresented: isPresentedDnsName(text), host: hostOfBase(text) };
    }
    case "email": {
      const address = latin1(name.address);
      return { kind: "email", mailbox: readMailbox(address), hosts: hostsOfBase(address) };
    }
    case "directory":
      return {
        kind: "directory",
        relativeNames: relativeNameBytes(name.name),
        folded: relativeNamesOf(name.name).map(foldRelativeName),
      };
    case "uri":
      return { kind: "uri" };
    case "ip":
    case "other":
      return name;
  }
}

function relativeNameBytes(name: Uint8Array): readonly Uint8Array[] {
  return readDer(name, (outer) =>
    outer.sequence((reader) => {
      const relativeNames: Uint8Array[] = [];
      while (!reader.isAtEnd) relativeNames.push(reader.element(DerTag.SET));
      return relativeNames;
    }),
  );
}

function isSameKind(base: Form, name: Form): boolean {
  if (base.kind === "other" && name.kind === "other") return base.tag === name.tag;
  return base.kind === name.kind;
}

/** Whether `name` is within the subtree of `base`. In doubt it is within what is excluded, and not within what is permitted. */
function covers(base: Form, name: Form, list: "permitted" | "excluded"): boolean {
  if (base.kind === "dns" && name.kind === "dns") return coversDnsName(base, name, list);
  if (base.kind === "ip" && name.kind === "ip") return coversIpAddress(base, name.octets);
  if (base.kind === "email" && name.kind === "email") return coversMailbox(base, name, list);
  if (base.kind === "directory" && name.kind === "directory") {
    // Bytes that are the same are the same name, and only those are permitted; but no other spelling gets around an exclusion.
    return list === "permitted"
      ? base.relativeNames.every((part, index) => equalBytes(part, name.relativeNames[index] ?? NOTHING))
      : base.folded.every((part, index) => part === name.folded[index]);
  }
  return list === "excluded";
}

const NOTHING = new Uint8Array(0);

/**
 * A name is covered by itself and by what it is under. A wildcard stands for all names that it matches: it is permitted when all
 * of them are, and excluded when one of them is.
 *
 * A leading dot, which RFC 5280 does not have and some CAs write, means the names below: so far as to permit, not so far as to exclude.
 */
function coversDnsName(base: DnsForm, name: DnsForm, list: "permitted" | "excluded"): boolean {
  const isExcluded = list === "excluded";
  const { host } = base;
  if (host === null || !name.isPresented) return isExcluded;
  const isWildcard = name.name.startsWith("*.");
  const parent = isWildcard ? name.name.slice(2) : name.name;
  if (host === "" || parent.endsWith(`.${host}`)) return true;
  if (parent === host) return isExcluded || isWildcard || host === base.name;
  return isExcluded && isWildcard && host.slice(host.indexOf(".") + 1) === parent;
}

/** The empty name is above all others. */
function hostOfBase(base: string): string | null {
  const host = base.startsWith(".") ? base.slice(1) : base;
  return base === "" || isHostName(host) ? host : null;
}

/** Addresses of one family only: an IPv4 address is never within IPv6. */
function coversIpAddress(
  { octets: base, mask = NOTHING }: { readonly octets: Uint8Array; readonly mask?: Uint8Array },
  octets: Uint8Array,
): boolean {
  return (
    octets.length === base.length &&
    octets.every((octet, index) => ((octet ^ (base[index] ?? 0)) & (mask[index] ?? 0xff)) === 0)
  );
}

/** `user@host`: that mailbox; `host`: all at it; `.domain`: all at hosts under it. The part before `@` counts as it is written, `*` too. */
function coversMailbox(base: EmailForm, { mailbox }: EmailForm, list: "permitted" | "excluded"): boolean {
  if (mailbox === null) return list === "excluded";
  if (base.mailbox !== null)
    return mailbox.local === base.mailbox.local && mailbox.host === base.mailbox.host;
  const { hosts } = base;
  if (hosts === null) return list === "excluded";
  return hosts.startsWith(".") ? mailbox.host.endsWith(hosts) : mailbox.host === hosts;
}

function hostsOfBase(address: string): string | null {
  return isHostName(address.startsWith(".") ? address.slice(1) : address) ? address.toLowerCase() : null;
}

function showGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case "dns":
      return `DNS name ${JSON.stringify(latin1(name.name.subarray(0, 253)))}`;
    case "ip":
      return `IP address ${showIpAddress(name.octets)}`;
    case "email":
      return `e-mail address ${JSON.stringify(latin1(name.address.subarray(0, 253)))}`;
    case "directory":
      return `directory name ${showName(name.name)}`;
    case "uri":
      return `URI ${JSON.stringify(latin1(name.uri.subarray(0, 253)))}`;
    case "other":
      return `a name of type [${name.tag}]`;
  }
}
