import { TlsAlert } from "../../src/alert.ts";

/** The alert that `action` throws, `"none"` when it throws nothing; any other error goes through. */
export function alertOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof TlsAlert) return error.alert;
    throw error;
  }
  return "none";
}
